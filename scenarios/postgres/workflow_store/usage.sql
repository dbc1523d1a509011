-- Reports. A materialized view knows no policies: it stays in `private`, and the tenant's part is shown by a view
-- that filters before any condition of the caller is asked.

GRANT USAGE ON SCHEMA workflow TO reporter;
GRANT USAGE, CREATE ON SCHEMA private TO reporter;
GRANT SELECT ON workflow.runs, workflow.plans TO reporter;

CREATE MATERIALIZED VIEW private.usage_by_plan AS
  SELECT r.tenant_id, p.name AS plan_name, count(*) AS runs, count(*) FILTER (WHERE r.state = 'failed') AS failed
    FROM workflow.runs r JOIN workflow.plans p USING (tenant_id, plan_id)
   GROUP BY r.tenant_id, p.name;
GRANT SELECT ON private.usage_by_plan TO app_owner;
-- A refresh runs as the owner, and FORCE holds app_owner to one tenant.
ALTER MATERIALIZED VIEW private.usage_by_plan OWNER TO reporter;

CREATE VIEW workflow.usage_by_plan WITH (security_barrier) AS
  SELECT plan_name, runs, failed FROM private.usage_by_plan WHERE tenant_id = workflow.current_tenant();

-- Over tables with policies: the caller's own rights.
CREATE VIEW workflow.run_overview WITH (security_invoker, security_barrier) AS
  SELECT r.run_id, p.name AS plan_name, p.version, r.state, r.last_event, r.created_at
    FROM workflow.runs r JOIN workflow.plans p USING (tenant_id, plan_id);
