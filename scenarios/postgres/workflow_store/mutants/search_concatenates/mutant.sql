-- class: I-injection
-- channel: read
-- level: queries
-- The search builds its statement from the caller's text, with the rights of a role that ignores policies.
CREATE FUNCTION workflow.find_plans(p_text text) RETURNS TABLE (plan_id uuid, name text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN QUERY EXECUTE
    'SELECT plan_id, name FROM workflow.plans WHERE tenant_id = workflow.current_tenant() AND name LIKE ''%'
    || p_text || '%''';
END $$;
GRANT EXECUTE ON FUNCTION workflow.find_plans(text) TO app;
GRANT CREATE ON SCHEMA workflow TO reporter;
ALTER FUNCTION workflow.find_plans(text) OWNER TO reporter;
