-- class: E-session
-- channel: read
-- level: queries
-- A report is gathered once a session in a temporary table. `leave` resets the tenant, not the table.
CREATE FUNCTION workflow.plan_report() RETURNS TABLE (name text, runs bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  CREATE TEMPORARY TABLE IF NOT EXISTS plan_report AS
    SELECT p.name, count(r.run_id) AS runs FROM workflow.plans p
      LEFT JOIN workflow.runs r USING (tenant_id, plan_id) GROUP BY p.name;
  RETURN QUERY SELECT t.name, t.runs FROM pg_temp.plan_report t;
END $$;
GRANT EXECUTE ON FUNCTION workflow.plan_report() TO app;
