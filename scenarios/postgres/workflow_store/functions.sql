-- What the application calls. With the caller's rights, except where a comment says why not.

-- Starts a run once for each key of the tenant, however often it is asked.
CREATE FUNCTION workflow.start_run(p_plan_id uuid, p_idempotency_key text) RETURNS uuid
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  started uuid;
BEGIN
  INSERT INTO workflow.runs (plan_id, idempotency_key) VALUES (p_plan_id, p_idempotency_key)
  ON CONFLICT (tenant_id, idempotency_key) DO NOTHING
  RETURNING run_id INTO started;
  IF started IS NULL THEN
    SELECT run_id INTO started FROM workflow.runs
     WHERE tenant_id = workflow.current_tenant() AND idempotency_key = p_idempotency_key;
  END IF;
  RETURN started;
END $$;

CREATE FUNCTION workflow.finish_run(p_run_id uuid, p_state workflow.run_state) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  UPDATE workflow.runs SET state = p_state
   WHERE tenant_id = workflow.current_tenant() AND run_id = p_run_id AND state IN ('queued', 'running');
  RETURN FOUND;
END $$;

CREATE FUNCTION workflow.latest_snapshot(p_run_id uuid) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
  SELECT state FROM workflow.snapshots
   WHERE tenant_id = workflow.current_tenant() AND run_id = p_run_id ORDER BY seq DESC LIMIT 1
$$;

CREATE FUNCTION workflow.search_plans(p_text text) RETURNS SETOF workflow.plans
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
  SELECT * FROM workflow.plans
   WHERE tenant_id = workflow.current_tenant() AND position(lower(p_text) IN lower(name)) > 0
$$;

-- With the owner's rights, since no one else may read tokens; FORCE and the condition each hold it to the tenant.
CREATE FUNCTION workflow.use_credential(p_plan_id uuid, p_name text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
  SELECT token FROM workflow.credentials
   WHERE tenant_id = workflow.current_tenant() AND plan_id = p_plan_id AND name = p_name
$$;

-- For the operator: a tenant with its quota, its key and the beginning of its chain.
CREATE FUNCTION private.provision_tenant(p_tenant_id text, p_display_name text, p_tier text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  -- FORCE holds the owner to the session's tenant too.
  PERFORM set_config('app.tenant_id', p_tenant_id, true);
  INSERT INTO workflow.tenants (tenant_id, display_name, tier) VALUES (p_tenant_id, p_display_name, p_tier);
  INSERT INTO workflow.quotas (tenant_id, max_active_runs)
    SELECT p_tenant_id, max_active_runs FROM workflow.tiers WHERE tier = p_tier;
  INSERT INTO private.audit_keys VALUES (p_tenant_id, public.gen_random_bytes(32));
  INSERT INTO private.audit_heads (tenant_id) VALUES (p_tenant_id);
END $$;
