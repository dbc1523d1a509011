-- class: C-bypass
-- channel: read
-- level: queries
-- The view lost its barrier: a cheap condition of the caller is asked of other tenants' rows, and its error quotes them.
ALTER VIEW workflow.usage_by_plan SET (security_barrier = false);
