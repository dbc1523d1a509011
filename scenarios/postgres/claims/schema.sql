-- Organisations with members and invitations. Who asks stands in the claims of a setting; what they may do, in
-- memberships, which only functions with their owner's rights write.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
CREATE SCHEMA auth;
CREATE SCHEMA api;
GRANT USAGE ON SCHEMA auth, api TO authenticated;

CREATE TABLE auth.users (
  user_id  uuid PRIMARY KEY,
  email    text NOT NULL UNIQUE,
  metadata jsonb NOT NULL DEFAULT '{}'
);
CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$ SELECT (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid $$;
-- What the login service puts into a token.
CREATE FUNCTION auth.claims_for(p_user uuid) RETURNS jsonb LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
  SELECT jsonb_build_object('sub', user_id, 'email', email, 'role', 'authenticated', 'user_metadata', metadata)
    FROM auth.users WHERE user_id = p_user
$$;
GRANT EXECUTE ON FUNCTION auth.uid() TO authenticated;

CREATE TABLE api.organisations (org_id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text NOT NULL);
CREATE TABLE api.memberships (
  org_id  uuid NOT NULL REFERENCES api.organisations ON DELETE CASCADE,
  user_id uuid NOT NULL REFERENCES auth.users,
  is_admin boolean NOT NULL DEFAULT false,
  PRIMARY KEY (org_id, user_id)
);
-- With the owner's rights: a policy of memberships that read memberships would never end.
CREATE FUNCTION api.is_member(p_org uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT EXISTS (SELECT FROM api.memberships WHERE org_id = p_org AND user_id = auth.uid()) $$;
CREATE FUNCTION api.is_admin(p_org uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT EXISTS (SELECT FROM api.memberships WHERE org_id = p_org AND user_id = auth.uid() AND is_admin) $$;
GRANT EXECUTE ON FUNCTION api.is_member(uuid), api.is_admin(uuid) TO authenticated;

ALTER TABLE api.organisations ENABLE ROW LEVEL SECURITY;
CREATE POLICY members_read ON api.organisations FOR SELECT USING (api.is_member(org_id));
CREATE POLICY admins_rename ON api.organisations FOR UPDATE USING (api.is_admin(org_id));
GRANT SELECT, UPDATE (name) ON api.organisations TO authenticated;
ALTER TABLE api.memberships ENABLE ROW LEVEL SECURITY;
CREATE POLICY members_read ON api.memberships FOR SELECT USING (api.is_member(org_id));
GRANT SELECT ON api.memberships TO authenticated;

-- The invited gets the token by mail. No one reads it here, not even who invites.
CREATE TABLE api.invitations (
  org_id        uuid NOT NULL REFERENCES api.organisations ON DELETE CASCADE,
  invitation_id uuid NOT NULL DEFAULT gen_random_uuid(),
  email         text NOT NULL,
  token         text NOT NULL DEFAULT gen_random_uuid()::text,
  PRIMARY KEY (org_id, invitation_id),
  UNIQUE (org_id, email)
);
ALTER TABLE api.invitations ENABLE ROW LEVEL SECURITY;
CREATE POLICY admins ON api.invitations USING (api.is_admin(org_id)) WITH CHECK (api.is_admin(org_id));
GRANT SELECT (org_id, invitation_id, email), INSERT (org_id, email), DELETE ON api.invitations TO authenticated;

-- Joins the organisation whose invitation has the token, once. One answer, whatever is wrong with it.
CREATE FUNCTION api.accept_invitation(p_token text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  invited uuid;
BEGIN
  DELETE FROM api.invitations i USING auth.users u
   WHERE i.token = p_token AND u.user_id = auth.uid() AND u.email = i.email
  RETURNING i.org_id INTO invited;
  IF invited IS NULL THEN RETURN false; END IF;
  INSERT INTO api.memberships (org_id, user_id) VALUES (invited, auth.uid()) ON CONFLICT DO NOTHING;
  RETURN true;
END $$;
GRANT EXECUTE ON FUNCTION api.accept_invitation(text) TO authenticated;

CREATE TABLE api.projects (
  org_id     uuid NOT NULL REFERENCES api.organisations ON DELETE CASCADE,
  project_id uuid NOT NULL DEFAULT gen_random_uuid(),
  name       text NOT NULL,
  budget     int NOT NULL DEFAULT 0 CHECK (budget >= 0),
  PRIMARY KEY (org_id, project_id),
  UNIQUE (org_id, name)
);
ALTER TABLE api.projects ENABLE ROW LEVEL SECURITY;
CREATE POLICY members ON api.projects USING (api.is_member(org_id)) WITH CHECK (api.is_member(org_id));
GRANT SELECT, INSERT, UPDATE (name, budget), DELETE ON api.projects TO authenticated;

-- The sum of an organisation's budgets, for its members. With the caller's rights.
CREATE FUNCTION api.total_budget(p_org uuid) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$ SELECT coalesce(sum(budget), 0) FROM api.projects WHERE org_id = p_org $$;
GRANT EXECUTE ON FUNCTION api.total_budget(uuid) TO authenticated;
