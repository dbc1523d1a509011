-- class: D-constraint
-- channel: existence
-- level: queries
-- Settings are keyed by name alone, and the upsert's conflict target follows the key: another tenant's row makes it
-- fail where it would else succeed.
CREATE TABLE workflow.settings (
  tenant_id text NOT NULL DEFAULT workflow.current_tenant() REFERENCES workflow.tenants,
  name      text PRIMARY KEY,
  value     text NOT NULL
);
ALTER TABLE workflow.settings ENABLE ROW LEVEL SECURITY;
ALTER TABLE workflow.settings FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON workflow.settings
  USING (tenant_id = workflow.current_tenant()) WITH CHECK (tenant_id = workflow.current_tenant());
GRANT SELECT, INSERT, UPDATE (value), DELETE ON workflow.settings TO app;
CREATE FUNCTION workflow.put_setting(p_name text, p_value text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp
AS $$
  INSERT INTO workflow.settings (name, value) VALUES (p_name, p_value)
  ON CONFLICT (name) DO UPDATE SET value = excluded.value
$$;
GRANT EXECUTE ON FUNCTION workflow.put_setting(text, text) TO app;
