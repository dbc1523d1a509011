-- One login role a tenant, all of them in the group to which rights are granted.
DO $$
DECLARE
  statement text;
BEGIN
  FOREACH statement IN ARRAY ARRAY['CREATE ROLE tenants NOLOGIN', 'CREATE ROLE acme LOGIN', 'CREATE ROLE globex LOGIN'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = split_part(statement, ' ', 3)) THEN
      EXECUTE statement;
    END IF;
  END LOOP;
END $$;
GRANT tenants TO acme, globex;
