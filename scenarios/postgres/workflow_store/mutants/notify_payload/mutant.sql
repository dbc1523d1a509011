-- class: C-bypass
-- channel: read
-- level: queries
-- Polling was too slow, so the outbox notifies, and says what of. Every session of the database may listen.
CREATE FUNCTION private.notify_outbox() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM pg_notify('outbox', NEW.tenant_id || ' ' || NEW.payload);
  RETURN NULL;
END $$;
CREATE TRIGGER notify_outbox AFTER INSERT ON workflow.outbox FOR EACH ROW EXECUTE FUNCTION private.notify_outbox();
