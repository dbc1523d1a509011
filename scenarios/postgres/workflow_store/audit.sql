-- The audit log: append-only, one chain of keyed hashes a tenant. One chain for all would tell every tenant, in
-- its own rows, that the others were at work, and would make them wait for each other.

-- Belongs to the operator. No tenant reads it, whose log it may sign.
CREATE TABLE private.audit_keys (
  tenant_id text PRIMARY KEY REFERENCES workflow.tenants,
  key       bytea NOT NULL
);
ALTER TABLE private.audit_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE private.audit_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON private.audit_keys
  USING (tenant_id = workflow.current_tenant()) WITH CHECK (tenant_id = workflow.current_tenant());

-- The end of each chain, kept apart: a log that lost its last rows does not match it.
CREATE TABLE private.audit_heads (
  tenant_id text PRIMARY KEY REFERENCES workflow.tenants,
  seq       bigint NOT NULL DEFAULT 0,
  mac       bytea NOT NULL DEFAULT '\x'
);
ALTER TABLE private.audit_heads ENABLE ROW LEVEL SECURITY;
ALTER TABLE private.audit_heads FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON private.audit_heads
  USING (tenant_id = workflow.current_tenant()) WITH CHECK (tenant_id = workflow.current_tenant());

CREATE TABLE workflow.audit_log (
  tenant_id text NOT NULL DEFAULT workflow.current_tenant() REFERENCES workflow.tenants,
  seq       bigint NOT NULL,
  actor     text NOT NULL DEFAULT session_user,
  action    text NOT NULL,
  subject   text,
  at        timestamptz NOT NULL DEFAULT now(),
  prev      bytea NOT NULL,
  mac       bytea NOT NULL,
  PRIMARY KEY (tenant_id, seq)
);
ALTER TABLE workflow.audit_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE workflow.audit_log FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON workflow.audit_log
  USING (tenant_id = workflow.current_tenant()) WITH CHECK (tenant_id = workflow.current_tenant());
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON workflow.audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION private.refuse_change();

-- The hash of a row. An array, so that no two rows have the same text; the time as a number, whatever the time zone.
CREATE FUNCTION private.audit_mac(entry workflow.audit_log, key bytea) RETURNS bytea
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
  SELECT public.hmac(entry.prev || convert_to(jsonb_build_array(entry.tenant_id, entry.seq, entry.actor,
           entry.action, entry.subject, extract(epoch FROM entry.at))::text, 'UTF8'), key, 'sha256')
$$;

-- Number, link and hash are the trigger's alone, whatever the writer sends.
CREATE FUNCTION private.link_audit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  SELECT h.seq + 1, h.mac INTO NEW.seq, NEW.prev FROM private.audit_heads h
   WHERE h.tenant_id = NEW.tenant_id FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'no audit log' USING ERRCODE = 'insufficient_privilege';
  END IF;
  SELECT private.audit_mac(NEW, k.key) INTO NEW.mac FROM private.audit_keys k WHERE k.tenant_id = NEW.tenant_id;
  UPDATE private.audit_heads h SET seq = NEW.seq, mac = NEW.mac WHERE h.tenant_id = NEW.tenant_id;
  RETURN NEW;
END $$;
CREATE TRIGGER link_audit BEFORE INSERT ON workflow.audit_log
  FOR EACH ROW EXECUTE FUNCTION private.link_audit();

-- Every change of a plan, a run or a credential, in the transaction that makes it: table, kind, and the name or id
-- in the column that the trigger names. Never the row itself, which may hold a secret.
CREATE FUNCTION private.audit_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  changed jsonb := to_jsonb(CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END);
BEGIN
  INSERT INTO workflow.audit_log (tenant_id, action, subject)
  VALUES (changed ->> 'tenant_id', TG_TABLE_NAME || '.' || lower(TG_OP), changed ->> TG_ARGV[0]);
  RETURN NULL;
END $$;
CREATE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON workflow.plans
  FOR EACH ROW EXECUTE FUNCTION private.audit_change('plan_id');
CREATE TRIGGER audit_change AFTER INSERT OR UPDATE OF state OR DELETE ON workflow.runs
  FOR EACH ROW EXECUTE FUNCTION private.audit_change('run_id');
CREATE TRIGGER audit_change AFTER INSERT OR UPDATE OR DELETE ON workflow.credentials
  FOR EACH ROW EXECUTE FUNCTION private.audit_change('name');

-- Whether the tenant's own chain is whole: every hash right, every link right, no gap, and its end as kept apart.
CREATE FUNCTION workflow.verify_audit() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
  SELECT coalesce(bool_and(a.mac = private.audit_mac(a, k.key)
                       AND a.prev = coalesce((SELECT b.mac FROM workflow.audit_log b
                                              WHERE b.tenant_id = a.tenant_id AND b.seq = a.seq - 1), '\x')), true)
     AND count(*) = coalesce(max(a.seq), 0)
     AND coalesce(max(a.seq), 0) = (SELECT h.seq FROM private.audit_heads h
                                    WHERE h.tenant_id = workflow.current_tenant())
    FROM workflow.audit_log a JOIN private.audit_keys k USING (tenant_id)
   WHERE a.tenant_id = workflow.current_tenant()
$$;
