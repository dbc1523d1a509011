-- Who the tenants are, what they may use, and how a session says whose it is.

-- Functions are executable by nobody until rights.sql grants them.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

CREATE SCHEMA workflow;  -- what the application addresses
CREATE SCHEMA private;   -- what only the store's own functions address

-- The tenant of the session. NULL where none is set, so that every comparison with it fails closed.
CREATE FUNCTION workflow.current_tenant() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT nullif(pg_catalog.current_setting('app.tenant_id', true), '') $$;

CREATE TABLE workflow.tiers (
  tier            text PRIMARY KEY,
  max_active_runs int NOT NULL CHECK (max_active_runs > 0)
);
INSERT INTO workflow.tiers VALUES ('basic', 1000), ('large', 50000);

CREATE TABLE workflow.tenants (
  tenant_id    text PRIMARY KEY CHECK (tenant_id ~ '^[a-z][a-z0-9-]{1,30}$'),
  display_name text NOT NULL,
  tier         text NOT NULL REFERENCES workflow.tiers,
  created_at   timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE workflow.tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE workflow.tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON workflow.tenants
  USING (tenant_id = workflow.current_tenant()) WITH CHECK (tenant_id = workflow.current_tenant());

-- One row a tenant, counted by a trigger on runs: one tenant's load never uses up another's allowance.
CREATE TABLE workflow.quotas (
  tenant_id       text PRIMARY KEY DEFAULT workflow.current_tenant() REFERENCES workflow.tenants,
  max_active_runs int NOT NULL CHECK (max_active_runs > 0),
  active_runs     int NOT NULL DEFAULT 0 CHECK (active_runs >= 0)
);
ALTER TABLE workflow.quotas ENABLE ROW LEVEL SECURITY;
ALTER TABLE workflow.quotas FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON workflow.quotas
  USING (tenant_id = workflow.current_tenant()) WITH CHECK (tenant_id = workflow.current_tenant());
