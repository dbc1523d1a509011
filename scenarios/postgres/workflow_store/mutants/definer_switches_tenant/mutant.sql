-- class: C-bypass
-- channel: write
-- level: queries
-- Copying a plan to a sister company: the function becomes the other tenant for one insert, and asks nobody
-- whether the caller may.
CREATE FUNCTION workflow.copy_plan(p_plan_id uuid, p_to_tenant text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  own text := workflow.current_tenant();
  plan workflow.plans;
BEGIN
  SELECT * INTO plan FROM workflow.plans WHERE tenant_id = own AND plan_id = p_plan_id;
  PERFORM set_config('app.tenant_id', p_to_tenant, true);
  INSERT INTO workflow.plans (tenant_id, name, definition)
  VALUES (p_to_tenant, coalesce(plan.name, 'a copy') || ' (copy)', coalesce(plan.definition, '{}'));
  PERFORM set_config('app.tenant_id', own, true);
END $$;
GRANT EXECUTE ON FUNCTION workflow.copy_plan(uuid, text) TO app;
