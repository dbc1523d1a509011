-- What happened in a run, in order. Append-only, numbered run by run.

CREATE TABLE workflow.event_kinds (
  kind        text PRIMARY KEY,
  description text NOT NULL
);
INSERT INTO workflow.event_kinds VALUES
  ('step_started', 'a step of the plan began'), ('step_finished', 'a step of the plan ended'),
  ('signal', 'a message from outside');

CREATE TABLE workflow.run_events (
  tenant_id text NOT NULL DEFAULT workflow.current_tenant() REFERENCES workflow.tenants,
  run_id    uuid NOT NULL,
  seq       bigint NOT NULL,
  kind      text NOT NULL REFERENCES workflow.event_kinds,
  payload   jsonb NOT NULL DEFAULT '{}',
  at        timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, run_id, seq),
  FOREIGN KEY (tenant_id, run_id) REFERENCES workflow.runs
) PARTITION BY HASH (tenant_id);
ALTER TABLE workflow.run_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE workflow.run_events FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON workflow.run_events
  USING (tenant_id = workflow.current_tenant()) WITH CHECK (tenant_id = workflow.current_tenant());

-- A partition has policies of its own: none, so that whoever reaches it directly sees nothing.
CREATE TABLE workflow.run_events_0 PARTITION OF workflow.run_events FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE workflow.run_events_1 PARTITION OF workflow.run_events FOR VALUES WITH (MODULUS 2, REMAINDER 1);
ALTER TABLE workflow.run_events_0 ENABLE ROW LEVEL SECURITY;
ALTER TABLE workflow.run_events_0 FORCE ROW LEVEL SECURITY;
ALTER TABLE workflow.run_events_1 ENABLE ROW LEVEL SECURITY;
ALTER TABLE workflow.run_events_1 FORCE ROW LEVEL SECURITY;

-- The number comes from the run's own row: no sequence that all tenants draw from.
CREATE FUNCTION private.number_event() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  UPDATE workflow.runs SET last_event = last_event + 1
   WHERE tenant_id = NEW.tenant_id AND run_id = NEW.run_id
  RETURNING last_event INTO NEW.seq;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no such run' USING ERRCODE = 'foreign_key_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER number_event BEFORE INSERT ON workflow.run_events
  FOR EACH ROW EXECUTE FUNCTION private.number_event();

-- For the owner too, whom missing privileges do not stop.
CREATE FUNCTION private.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON workflow.run_events
  FOR EACH STATEMENT EXECUTE FUNCTION private.refuse_change();
