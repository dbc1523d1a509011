-- class: C-bypass
-- channel: read
-- level: queries
-- A dashboard was slow through the view, so it got the materialized view itself, which knows no policies.
CREATE MATERIALIZED VIEW workflow.plan_ranking AS
  SELECT tenant_id, plan_name, runs FROM private.usage_by_plan;
GRANT CREATE ON SCHEMA workflow TO reporter;
ALTER MATERIALIZED VIEW workflow.plan_ranking OWNER TO reporter;
SET ROLE reporter;
GRANT SELECT ON workflow.plan_ranking TO app;
RESET ROLE;
