-- class: C-bypass
-- channel: count existence
-- level: queries
-- A counter for the status page, kept by a trigger over all tenants, and readable where it lies.
CREATE TABLE workflow.platform_counters (name text PRIMARY KEY, value bigint NOT NULL);
INSERT INTO workflow.platform_counters VALUES ('plans', 0);
GRANT SELECT ON workflow.platform_counters TO app;
CREATE FUNCTION private.count_plan() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  UPDATE workflow.platform_counters SET value = value + 1 WHERE name = 'plans';
  RETURN NULL;
END $$;
CREATE TRIGGER count_plan AFTER INSERT ON workflow.plans FOR EACH ROW EXECUTE FUNCTION private.count_plan();
