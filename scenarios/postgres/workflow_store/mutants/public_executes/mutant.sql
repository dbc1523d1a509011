-- class: C-bypass
-- channel: read
-- level: queries
-- The reporting role made a function for its own use. The rule that nothing is executable by PUBLIC was one of
-- app_owner's default privileges, not of reporter's.
GRANT CREATE ON SCHEMA workflow TO reporter;
SET ROLE reporter;
CREATE FUNCTION workflow.failing_plans() RETURNS TABLE (tenant_id text, plan_name text, failed bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT u.tenant_id, u.plan_name, u.failed FROM private.usage_by_plan u $$;
RESET ROLE;
