-- class: B-policy
-- channel: read
-- level: queries
-- Snapshots follow their run, it was said, so the policy asks for the run. But a run's id is unique in its tenant
-- only: who has, or makes, a run with the same id sees the other's snapshots.
ALTER POLICY tenant_only ON workflow.snapshots
  USING (EXISTS (SELECT FROM workflow.runs r WHERE r.run_id = snapshots.run_id))
  WITH CHECK (EXISTS (SELECT FROM workflow.runs r WHERE r.run_id = snapshots.run_id));
