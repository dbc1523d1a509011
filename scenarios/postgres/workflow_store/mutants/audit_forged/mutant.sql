-- class: K-audit
-- channel: write
-- level: queries
-- The log takes its tenant from the row, and rows of the log may be written by hand with any tenant in them: the
-- policy was dropped for the trigger's sake. A makes up evidence against B.
ALTER POLICY tenant_only ON workflow.audit_log WITH CHECK (true);
ALTER TABLE private.audit_heads NO FORCE ROW LEVEL SECURITY;
ALTER TABLE private.audit_keys NO FORCE ROW LEVEL SECURITY;
GRANT INSERT (tenant_id, action, subject) ON workflow.audit_log TO app;
