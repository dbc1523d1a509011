-- class: C-bypass
-- channel: count
-- level: queries
-- The sum got its owner's rights, for speed. Row security does not hold for the owner, and the function does not ask
-- whether the caller is a member.
ALTER FUNCTION api.total_budget(uuid) SECURITY DEFINER;
