-- class: A-force
-- channel: read write existence
-- level: queries
-- A later release adds a table with the tenant in its key and forgets that policies are switched on table by table.
CREATE TABLE workflow.artifacts (
  tenant_id text NOT NULL DEFAULT workflow.current_tenant() REFERENCES workflow.tenants,
  run_id    uuid NOT NULL,
  path      text NOT NULL,
  digest    text NOT NULL,
  PRIMARY KEY (tenant_id, run_id, path),
  FOREIGN KEY (tenant_id, run_id) REFERENCES workflow.runs ON DELETE CASCADE
);
GRANT SELECT, INSERT, DELETE ON workflow.artifacts TO app;
