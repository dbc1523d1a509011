-- Documents and their comments. The tenant is who has logged in: there is no setting that could be changed.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

CREATE TABLE documents (
  tenant_id   name NOT NULL DEFAULT session_user,
  document_id uuid NOT NULL DEFAULT gen_random_uuid(),
  title       text NOT NULL,
  body        text NOT NULL,
  PRIMARY KEY (tenant_id, document_id),
  UNIQUE (tenant_id, title)
);
ALTER TABLE documents ENABLE ROW LEVEL SECURITY;
ALTER TABLE documents FORCE ROW LEVEL SECURITY;
-- session_user, not current_user: inside a function with its owner's rights the latter is the owner.
CREATE POLICY tenant_only ON documents USING (tenant_id = session_user) WITH CHECK (tenant_id = session_user);

CREATE TABLE comments (
  tenant_id   name NOT NULL DEFAULT session_user,
  document_id uuid NOT NULL,
  position    int NOT NULL CHECK (position >= 0),
  body        text NOT NULL,
  PRIMARY KEY (tenant_id, document_id, position),
  FOREIGN KEY (tenant_id, document_id) REFERENCES documents ON DELETE CASCADE
);
ALTER TABLE comments ENABLE ROW LEVEL SECURITY;
ALTER TABLE comments FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON comments USING (tenant_id = session_user) WITH CHECK (tenant_id = session_user);

CREATE FUNCTION document_titles() RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$ SELECT title FROM public.documents WHERE tenant_id = session_user ORDER BY title $$;

GRANT SELECT, INSERT, UPDATE (title, body), DELETE ON documents TO tenants;
GRANT SELECT, INSERT, UPDATE (body), DELETE ON comments TO tenants;
GRANT EXECUTE ON FUNCTION document_titles() TO tenants;
