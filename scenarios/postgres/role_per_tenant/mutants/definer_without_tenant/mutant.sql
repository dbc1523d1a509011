-- class: C-bypass
-- channel: read
-- level: sql
-- The function got its owner's rights to be quick, and lost its condition, since row security was said to do the rest:
-- it does not, for an owner on whom it is not forced.
ALTER TABLE documents NO FORCE ROW LEVEL SECURITY;
CREATE OR REPLACE FUNCTION document_titles() RETURNS SETOF text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT title FROM public.documents ORDER BY title $$;
