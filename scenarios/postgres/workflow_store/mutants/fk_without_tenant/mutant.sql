-- class: D-constraint
-- channel: existence dos
-- level: queries
-- A schedule refers to its plan by id alone: A can point at B's plan, learns whether it exists, and keeps B from
-- deleting it. Row security does not hold for the checks of foreign keys.
ALTER TABLE workflow.plans ADD CONSTRAINT plans_plan_id UNIQUE (plan_id);
CREATE TABLE workflow.schedules (
  tenant_id   text NOT NULL DEFAULT workflow.current_tenant() REFERENCES workflow.tenants,
  schedule_id uuid NOT NULL DEFAULT gen_random_uuid(),
  plan_id     uuid NOT NULL REFERENCES workflow.plans (plan_id),
  every       interval NOT NULL DEFAULT '1 day',
  PRIMARY KEY (tenant_id, schedule_id)
);
ALTER TABLE workflow.schedules ENABLE ROW LEVEL SECURITY;
ALTER TABLE workflow.schedules FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON workflow.schedules
  USING (tenant_id = workflow.current_tenant()) WITH CHECK (tenant_id = workflow.current_tenant());
GRANT SELECT, INSERT, DELETE ON workflow.schedules TO app;
