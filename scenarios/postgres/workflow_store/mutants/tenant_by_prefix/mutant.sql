-- class: B-policy
-- channel: read write
-- level: queries
-- Sub-accounts ("acme-eu") should be seen by their parent account, and tenants may choose names that begin like others.
ALTER POLICY tenant_only ON workflow.plans
  USING (tenant_id LIKE workflow.current_tenant() || '%')
  WITH CHECK (tenant_id LIKE workflow.current_tenant() || '%');
