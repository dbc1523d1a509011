-- class: K-audit
-- channel: existence count
-- level: queries
-- "One chain is simpler to verify": each row is linked to the last one of any tenant, and is numbered after it.
ALTER TABLE private.audit_heads NO FORCE ROW LEVEL SECURITY;
ALTER TABLE private.audit_keys NO FORCE ROW LEVEL SECURITY;
CREATE OR REPLACE FUNCTION private.link_audit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  LOCK TABLE private.audit_heads IN EXCLUSIVE MODE;
  SELECT h.seq + 1, h.mac INTO NEW.seq, NEW.prev FROM private.audit_heads h ORDER BY h.seq DESC LIMIT 1;
  SELECT private.audit_mac(NEW, k.key) INTO NEW.mac FROM private.audit_keys k WHERE k.tenant_id = NEW.tenant_id;
  UPDATE private.audit_heads h SET seq = NEW.seq, mac = NEW.mac WHERE h.tenant_id = NEW.tenant_id;
  RETURN NEW;
END $$;
