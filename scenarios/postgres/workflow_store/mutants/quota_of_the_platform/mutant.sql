-- class: G-contention
-- channel: existence dos
-- level: queries
-- One allowance for the whole platform, first come, first served: when the neighbours have used it up, A's runs
-- are refused.
CREATE TABLE workflow.platform_quota (
  name        text PRIMARY KEY,
  max_active  int NOT NULL,
  active_runs int NOT NULL DEFAULT 0
);
INSERT INTO workflow.platform_quota VALUES ('workers', 6);
CREATE OR REPLACE FUNCTION private.count_active_runs() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  change int := 0;
BEGIN
  IF TG_OP <> 'DELETE' AND NEW.state IN ('queued', 'running') THEN change := change + 1; END IF;
  IF TG_OP <> 'INSERT' AND OLD.state IN ('queued', 'running') THEN change := change - 1; END IF;
  UPDATE workflow.platform_quota SET active_runs = active_runs + change
   WHERE name = 'workers' AND (change <= 0 OR active_runs < max_active);
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no worker is free' USING ERRCODE = 'configuration_limit_exceeded';
  END IF;
  RETURN NULL;
END $$;
