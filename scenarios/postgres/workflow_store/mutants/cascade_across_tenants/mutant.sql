-- class: D-constraint
-- channel: write existence
-- level: queries
-- Anyone may follow anyone's plan by its address. When its owner deletes the plan, the followers' notes go with it.
ALTER TABLE workflow.plans ADD address int GENERATED ALWAYS AS (hashtext(plan_id::text)) STORED UNIQUE;
CREATE TABLE workflow.followed_plans (
  tenant_id text NOT NULL DEFAULT workflow.current_tenant() REFERENCES workflow.tenants,
  address   int NOT NULL REFERENCES workflow.plans (address) ON DELETE CASCADE,
  note      text NOT NULL,
  PRIMARY KEY (tenant_id, address)
);
ALTER TABLE workflow.followed_plans ENABLE ROW LEVEL SECURITY;
ALTER TABLE workflow.followed_plans FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON workflow.followed_plans
  USING (tenant_id = workflow.current_tenant()) WITH CHECK (tenant_id = workflow.current_tenant());
GRANT SELECT, INSERT, UPDATE (note), DELETE ON workflow.followed_plans TO app;
