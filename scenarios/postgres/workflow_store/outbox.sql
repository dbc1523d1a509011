-- Messages to the world outside, written in the transaction that causes them, delivered by the relay.
-- The relay polls: a NOTIFY would be heard by every session of the database.

CREATE TABLE workflow.outbox (
  tenant_id    text NOT NULL DEFAULT workflow.current_tenant() REFERENCES workflow.tenants,
  message_id   uuid NOT NULL DEFAULT gen_random_uuid(),
  topic        text NOT NULL,
  payload      jsonb NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT now(),
  delivered_at timestamptz,
  PRIMARY KEY (tenant_id, message_id)
);
ALTER TABLE workflow.outbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE workflow.outbox FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON workflow.outbox
  USING (tenant_id = workflow.current_tenant()) WITH CHECK (tenant_id = workflow.current_tenant());
CREATE POLICY relay_reads ON workflow.outbox FOR SELECT TO outbox_relay USING (true);
CREATE POLICY relay_marks ON workflow.outbox FOR UPDATE TO outbox_relay USING (true) WITH CHECK (true);

CREATE FUNCTION private.announce_run() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  INSERT INTO workflow.outbox (tenant_id, topic, payload)
  VALUES (NEW.tenant_id, 'run.' || NEW.state, jsonb_build_object('run_id', NEW.run_id, 'state', NEW.state));
  RETURN NULL;
END $$;
CREATE TRIGGER announce_run AFTER INSERT OR UPDATE OF state ON workflow.runs
  FOR EACH ROW EXECUTE FUNCTION private.announce_run();
