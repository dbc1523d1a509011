-- class: A-force
-- channel: read write
-- level: sql
-- One tenant's role was granted to another (super.sql), and the policies ask for current_user, which SET ROLE changes.
ALTER POLICY tenant_only ON documents USING (tenant_id = current_user) WITH CHECK (tenant_id = current_user);
ALTER POLICY tenant_only ON comments USING (tenant_id = current_user) WITH CHECK (tenant_id = current_user);
