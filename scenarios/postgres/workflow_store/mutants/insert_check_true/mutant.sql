-- class: B-policy
-- channel: write
-- level: queries
-- The policy was split by command, and inserts were waved through, "since the default fills in the tenant".
DROP POLICY tenant_only ON workflow.snapshots;
CREATE POLICY tenant_reads ON workflow.snapshots FOR SELECT USING (tenant_id = workflow.current_tenant());
CREATE POLICY tenant_inserts ON workflow.snapshots FOR INSERT WITH CHECK (true);
CREATE POLICY tenant_updates ON workflow.snapshots FOR UPDATE USING (tenant_id = workflow.current_tenant());
CREATE POLICY tenant_deletes ON workflow.snapshots FOR DELETE USING (tenant_id = workflow.current_tenant());
