-- class: D-constraint
-- channel: read
-- level: queries
-- Plans must have names that no one else has, checked by a trigger with the reporting role's eyes, whose message
-- means to help: it says who has the name, and since when.
CREATE FUNCTION private.check_plan_name() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  other record;
BEGIN
  SELECT p.tenant_id, p.definition INTO other FROM workflow.plans p
   WHERE p.name = NEW.name AND p.tenant_id <> NEW.tenant_id LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'the name % is taken by % (%)', NEW.name, other.tenant_id, other.definition
      USING ERRCODE = 'unique_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER check_plan_name BEFORE INSERT OR UPDATE OF name ON workflow.plans
  FOR EACH ROW EXECUTE FUNCTION private.check_plan_name();
ALTER FUNCTION private.check_plan_name() OWNER TO reporter;
