-- Runs of plans, their snapshots, and the quota that they count against.

CREATE TYPE workflow.run_state AS ENUM ('queued', 'running', 'succeeded', 'failed', 'cancelled');

CREATE TABLE workflow.runs (
  tenant_id       text NOT NULL DEFAULT workflow.current_tenant() REFERENCES workflow.tenants,
  run_id          uuid NOT NULL DEFAULT gen_random_uuid(),
  plan_id         uuid NOT NULL,
  -- Of the caller's choice: two tenants may choose the same.
  idempotency_key text NOT NULL DEFAULT gen_random_uuid()::text,
  state           workflow.run_state NOT NULL DEFAULT 'queued',
  last_event      bigint NOT NULL DEFAULT 0,
  created_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, run_id),
  UNIQUE (tenant_id, idempotency_key),
  FOREIGN KEY (tenant_id, plan_id) REFERENCES workflow.plans
);
ALTER TABLE workflow.runs ENABLE ROW LEVEL SECURITY;
ALTER TABLE workflow.runs FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON workflow.runs
  USING (tenant_id = workflow.current_tenant()) WITH CHECK (tenant_id = workflow.current_tenant());

CREATE TABLE workflow.snapshots (
  tenant_id text NOT NULL DEFAULT workflow.current_tenant() REFERENCES workflow.tenants,
  run_id    uuid NOT NULL,
  seq       bigint NOT NULL,
  state     jsonb NOT NULL,
  taken_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, run_id, seq),
  FOREIGN KEY (tenant_id, run_id) REFERENCES workflow.runs ON DELETE CASCADE
);
ALTER TABLE workflow.snapshots ENABLE ROW LEVEL SECURITY;
ALTER TABLE workflow.snapshots FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON workflow.snapshots
  USING (tenant_id = workflow.current_tenant()) WITH CHECK (tenant_id = workflow.current_tenant());

-- With the owner's rights, since the application may not write quotas. FORCE holds the owner to the session's tenant.
CREATE FUNCTION private.count_active_runs() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  change int := 0;
BEGIN
  IF TG_OP <> 'DELETE' AND NEW.state IN ('queued', 'running') THEN change := change + 1; END IF;
  IF TG_OP <> 'INSERT' AND OLD.state IN ('queued', 'running') THEN change := change - 1; END IF;
  IF change = 0 THEN RETURN NULL; END IF;
  -- The row's lock keeps two runs that start at once from sharing the last place.
  UPDATE workflow.quotas SET active_runs = active_runs + change
   WHERE tenant_id = coalesce(NEW.tenant_id, OLD.tenant_id)
     AND (change < 0 OR active_runs < max_active_runs);
  IF NOT FOUND THEN
    RAISE EXCEPTION 'the quota of active runs is reached' USING ERRCODE = 'configuration_limit_exceeded';
  END IF;
  RETURN NULL;
END $$;
-- After the row is there: an insert that ON CONFLICT turned away counts nothing.
CREATE TRIGGER count_active_runs AFTER INSERT OR UPDATE OF state OR DELETE ON workflow.runs
  FOR EACH ROW EXECUTE FUNCTION private.count_active_runs();
