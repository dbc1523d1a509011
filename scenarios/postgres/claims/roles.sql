-- As PostgREST has it: one login role without rights, which becomes `authenticated` for a request.
DO $$
DECLARE
  statement text;
BEGIN
  FOREACH statement IN ARRAY ARRAY['CREATE ROLE authenticated NOLOGIN', 'CREATE ROLE authenticator LOGIN NOINHERIT'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = split_part(statement, ' ', 3)) THEN
      EXECUTE statement;
    END IF;
  END LOOP;
END $$;
GRANT authenticated TO authenticator;
