-- class: B-policy
-- channel: write read
-- level: queries
-- Founding an organisation needed a first membership, so users may insert their own. Into any organisation.
CREATE POLICY founders ON api.memberships FOR INSERT WITH CHECK (user_id = auth.uid());
GRANT INSERT ON api.memberships TO authenticated;
