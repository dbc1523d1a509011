-- class: E-session
-- channel: read write
-- level: sql
-- The roles were thought too many: app may use every schema, and only the search path says whose request it is.
-- A name with a schema in it goes past that.
GRANT USAGE ON SCHEMA common, tenant_acme, tenant_globex TO app;
GRANT SELECT ON common.currencies TO app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA tenant_acme, tenant_globex TO app;
