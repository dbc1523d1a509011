-- class: G-contention
-- channel: existence dos
-- level: queries
-- The limit is read from the tier, and locked "to be sure": tenants of one tier wait for each other.
CREATE FUNCTION private.check_tier() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM 1 FROM workflow.tiers t JOIN workflow.tenants n USING (tier)
    WHERE n.tenant_id = NEW.tenant_id FOR UPDATE OF t;
  RETURN NEW;
END $$;
CREATE TRIGGER check_tier BEFORE INSERT ON workflow.runs FOR EACH ROW EXECUTE FUNCTION private.check_tier();
