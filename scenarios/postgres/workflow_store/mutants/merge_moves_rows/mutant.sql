-- class: J-server
-- channel: write
-- level: queries
-- postgres: embedded@15.3.0
-- The store is left as it is, on a server before CVE-2023-39418 was mended: MERGE does not ask the policies for
-- UPDATE of new rows. Here the policies differ by command, and only inserts are open, which go through a function.
DROP POLICY tenant_only ON workflow.snapshots;
CREATE POLICY tenant_reads ON workflow.snapshots FOR SELECT USING (tenant_id = workflow.current_tenant());
CREATE POLICY tenant_updates ON workflow.snapshots FOR UPDATE USING (tenant_id = workflow.current_tenant());
CREATE POLICY tenant_deletes ON workflow.snapshots FOR DELETE USING (tenant_id = workflow.current_tenant());
CREATE POLICY writer_inserts ON workflow.snapshots FOR INSERT WITH CHECK (true);
REVOKE INSERT ON workflow.snapshots FROM app;
GRANT UPDATE ON workflow.snapshots TO app;
