-- Plans, and the credentials that their steps use. The tenant is the first part of every key.

CREATE TABLE workflow.plans (
  tenant_id  text NOT NULL DEFAULT workflow.current_tenant() REFERENCES workflow.tenants,
  plan_id    uuid NOT NULL DEFAULT gen_random_uuid(),
  name       text NOT NULL,
  version    int NOT NULL DEFAULT 1 CHECK (version > 0),
  definition jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, plan_id),
  UNIQUE (tenant_id, name, version)
);
ALTER TABLE workflow.plans ENABLE ROW LEVEL SECURITY;
ALTER TABLE workflow.plans FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON workflow.plans
  USING (tenant_id = workflow.current_tenant()) WITH CHECK (tenant_id = workflow.current_tenant());

-- The application stores a token and uses it through use_credential; no SELECT on the column itself.
CREATE TABLE workflow.credentials (
  tenant_id text NOT NULL DEFAULT workflow.current_tenant() REFERENCES workflow.tenants,
  plan_id   uuid NOT NULL,
  name      text NOT NULL,
  token     text NOT NULL,
  PRIMARY KEY (tenant_id, plan_id, name),
  FOREIGN KEY (tenant_id, plan_id) REFERENCES workflow.plans ON DELETE CASCADE
);
ALTER TABLE workflow.credentials ENABLE ROW LEVEL SECURITY;
ALTER TABLE workflow.credentials FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON workflow.credentials
  USING (tenant_id = workflow.current_tenant()) WITH CHECK (tenant_id = workflow.current_tenant());
