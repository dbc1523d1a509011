-- class: E-session
-- channel: read
-- level: queries
-- Looking the tenant up was thought slow, so it is kept in a second setting, which `leave` does not know of.
CREATE OR REPLACE FUNCTION workflow.current_tenant() RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
BEGIN
  IF coalesce(pg_catalog.current_setting('app.tenant_cache', true), '') = '' THEN
    PERFORM pg_catalog.set_config('app.tenant_cache', pg_catalog.current_setting('app.tenant_id', true), false);
  END IF;
  RETURN nullif(pg_catalog.current_setting('app.tenant_cache', true), '');
END $$;
