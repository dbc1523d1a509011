-- Roles of the cluster, by the superuser. Idempotent: they outlive the database.
-- The tables belong to app_owner, whom nobody logs in as; the application logs in as app and owns nothing.
DO $$
DECLARE
  wanted text[] := ARRAY[
    'CREATE ROLE app_owner NOLOGIN',
    'CREATE ROLE app LOGIN',
    -- Delivers messages of all tenants; sees the outbox and nothing else.
    'CREATE ROLE outbox_relay NOLOGIN',
    -- Builds reports over all tenants. Owns the materialized views and is granted to no login role.
    'CREATE ROLE reporter NOLOGIN BYPASSRLS',
    -- The operators' console: reads all tenants, and adds the tenant to each statement itself (tenancy-console.toml).
    'CREATE ROLE console LOGIN BYPASSRLS'];
  statement text;
BEGIN
  FOREACH statement IN ARRAY wanted LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = split_part(statement, ' ', 3)) THEN
      EXECUTE statement;
    END IF;
  END LOOP;
END $$;

-- So that the owner can hand reports over to reporter; attributes such as BYPASSRLS are not inherited.
GRANT reporter TO app_owner;
