-- class: G-contention
-- channel: existence dos
-- level: queries
-- Runs start one after the other by an advisory lock, whose key does not name the tenant: an open transaction of
-- one tenant stops all.
CREATE FUNCTION private.one_start_at_a_time() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('start_run'));
  RETURN NEW;
END $$;
CREATE TRIGGER one_start_at_a_time BEFORE INSERT ON workflow.runs
  FOR EACH ROW EXECUTE FUNCTION private.one_start_at_a_time();
