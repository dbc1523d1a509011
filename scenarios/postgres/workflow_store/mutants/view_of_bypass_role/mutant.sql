-- class: C-bypass
-- channel: read
-- level: queries
-- The view was handed to the reporting role, and CREATE OR REPLACE lost its option: it reads with the rights of
-- a role that ignores policies.
GRANT CREATE ON SCHEMA workflow TO reporter;
CREATE OR REPLACE VIEW workflow.run_overview WITH (security_barrier) AS
  SELECT r.run_id, p.name AS plan_name, p.version, r.state, r.last_event, r.created_at
    FROM workflow.runs r JOIN workflow.plans p USING (tenant_id, plan_id);
ALTER VIEW workflow.run_overview OWNER TO reporter;
