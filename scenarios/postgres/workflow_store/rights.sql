-- What each role may do: named, and no more than it needs. Nothing is granted on `private` or on partitions.

GRANT USAGE ON SCHEMA workflow TO app, outbox_relay;
GRANT EXECUTE ON FUNCTION workflow.current_tenant() TO app, outbox_relay, reporter;
GRANT EXECUTE ON FUNCTION
  workflow.start_run(uuid, text), workflow.finish_run(uuid, workflow.run_state), workflow.latest_snapshot(uuid),
  workflow.search_plans(text), workflow.use_credential(uuid, text), workflow.verify_audit() TO app;

GRANT SELECT ON workflow.tiers, workflow.event_kinds, workflow.tenants, workflow.quotas TO app;
GRANT SELECT, INSERT, UPDATE (name, version, definition), DELETE ON workflow.plans TO app;
GRANT SELECT (tenant_id, plan_id, name), INSERT, UPDATE (token), DELETE ON workflow.credentials TO app;
-- The state moves by finish_run; number and time are the database's.
GRANT SELECT, INSERT (tenant_id, run_id, plan_id, idempotency_key), UPDATE (state), DELETE ON workflow.runs TO app;
GRANT SELECT, INSERT, UPDATE (state), DELETE ON workflow.snapshots TO app;
-- Append-only.
GRANT SELECT, INSERT (tenant_id, run_id, kind, payload) ON workflow.run_events TO app;
GRANT SELECT, INSERT (action, subject) ON workflow.audit_log TO app;
-- Written by triggers.
GRANT SELECT ON workflow.outbox TO app;
GRANT SELECT, UPDATE (delivered_at) ON workflow.outbox TO outbox_relay;

GRANT SELECT ON workflow.usage_by_plan, workflow.run_overview TO app;

GRANT USAGE ON SCHEMA workflow TO console;
GRANT SELECT ON workflow.plans, workflow.runs, workflow.outbox TO console;
