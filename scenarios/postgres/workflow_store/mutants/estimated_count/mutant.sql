-- class: F-inference
-- channel: count existence
-- level: queries
-- Counting was slow, so the list's footer shows the planner's estimate: of the whole table.
CREATE FUNCTION workflow.approximate_runs() RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$ SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'workflow.runs'::regclass $$;
GRANT EXECUTE ON FUNCTION workflow.approximate_runs() TO app;
