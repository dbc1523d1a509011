-- class: K-audit
-- channel: write
-- level: sql
-- "All privileges" on the log, and the trigger that refused changes was written anew for rows only. TRUNCATE asks no policy.
DROP TRIGGER append_only ON workflow.audit_log;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON workflow.audit_log
  FOR EACH ROW EXECUTE FUNCTION private.refuse_change();
GRANT ALL ON workflow.audit_log TO app;
