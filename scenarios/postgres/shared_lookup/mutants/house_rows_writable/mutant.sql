-- class: B-policy
-- channel: write
-- level: queries
-- Two policies were made into one, so who may read the house's rows may change and remove them.
DROP POLICY house ON holidays;
ALTER POLICY own ON holidays
  USING (tenant_id IS NULL OR tenant_id = current_tenant()) WITH CHECK (tenant_id IS NULL OR tenant_id = current_tenant());
