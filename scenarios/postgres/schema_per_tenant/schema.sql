-- Invoices, one schema a tenant. What all share lies in `common`.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
CREATE SCHEMA common;

CREATE TABLE common.currencies (code char(3) PRIMARY KEY, digits int NOT NULL CHECK (digits BETWEEN 0 AND 4));
INSERT INTO common.currencies VALUES ('EUR', 2), ('JPY', 0), ('TND', 3);

-- Makes the schema of a tenant; its role may use it and nothing else.
CREATE FUNCTION common.make_tenant(tenant text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  home text := 'tenant_' || tenant;
BEGIN
  EXECUTE format('CREATE SCHEMA %I', home);
  EXECUTE format('CREATE TABLE %I.customers (
    customer_id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, email text NOT NULL UNIQUE)', home);
  -- Numbers are given out schema by schema: their gaps tell of nobody else.
  EXECUTE format('CREATE TABLE %1$I.invoices (
    number int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id int NOT NULL REFERENCES %1$I.customers, currency char(3) NOT NULL REFERENCES common.currencies,
    amount numeric(12, 4) NOT NULL CHECK (amount > 0), paid boolean NOT NULL DEFAULT false)', home);
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', home, 'tenant_' || tenant);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %1$I.customers, %1$I.invoices TO %2$I', home, 'tenant_' || tenant);
END $$;
SELECT common.make_tenant('acme');
SELECT common.make_tenant('globex');

GRANT USAGE ON SCHEMA common TO tenant_acme, tenant_globex;
GRANT SELECT ON common.currencies TO tenant_acme, tenant_globex;
