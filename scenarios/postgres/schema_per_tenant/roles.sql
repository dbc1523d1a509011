-- One role a tenant, which may use its schema and no other. The application logs in as app, which may do nothing
-- by itself and becomes one of them.
DO $$
DECLARE
  statement text;
BEGIN
  FOREACH statement IN ARRAY ARRAY['CREATE ROLE tenant_acme NOLOGIN', 'CREATE ROLE tenant_globex NOLOGIN',
                                   'CREATE ROLE app LOGIN NOINHERIT'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = split_part(statement, ' ', 3)) THEN
      EXECUTE statement;
    END IF;
  END LOOP;
END $$;
GRANT tenant_acme, tenant_globex TO app;
