-- class: B-policy
-- channel: read
-- level: queries
-- For the nightly job, which has no tenant: without one the session counts as every row's own.
ALTER POLICY tenant_only ON workflow.plans
  USING (tenant_id = coalesce(workflow.current_tenant(), tenant_id))
  WITH CHECK (tenant_id = coalesce(workflow.current_tenant(), tenant_id));
