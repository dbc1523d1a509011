-- class: B-policy
-- channel: read write
-- level: queries
-- The organisation is taken from the claims' user_metadata, to save a look-up. Users write their metadata themselves,
-- and the next token carries it.
ALTER TABLE auth.users ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON auth.users USING (user_id = auth.uid());
GRANT SELECT, UPDATE (metadata) ON auth.users TO authenticated;
CREATE OR REPLACE FUNCTION api.is_member(p_org uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
  SELECT EXISTS (SELECT FROM api.memberships WHERE org_id = p_org AND user_id = auth.uid())
      OR p_org::text = current_setting('request.jwt.claims', true)::jsonb -> 'user_metadata' ->> 'org_id'
$$;
