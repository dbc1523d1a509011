-- class: F-inference
-- channel: read
-- level: queries
-- A page of what is running: all tenants share one role, so its statements, with their values, are anybody's to see.
CREATE VIEW workflow.running_statements WITH (security_invoker) AS
  SELECT state, query FROM pg_stat_activity
   WHERE usename = session_user AND datname = current_database() AND pid <> pg_backend_pid();
GRANT SELECT ON workflow.running_statements TO app;
