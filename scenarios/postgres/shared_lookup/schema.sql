-- Orders that refer to tables of everyone: countries, tax rates, and the house's holidays beside a tenant's own.
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

CREATE FUNCTION current_tenant() RETURNS int LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT nullif(pg_catalog.current_setting('app.tenant_id', true), '')::int $$;
GRANT EXECUTE ON FUNCTION current_tenant() TO app;

CREATE TABLE countries (code char(2) PRIMARY KEY, name text NOT NULL);
CREATE TABLE tax_rates (
  country char(2) NOT NULL REFERENCES countries, class text NOT NULL, percent numeric(4, 1) NOT NULL,
  PRIMARY KEY (country, class)
);
INSERT INTO countries VALUES ('DE', 'Germany'), ('FR', 'France');
INSERT INTO tax_rates VALUES ('DE', 'normal', 19), ('DE', 'reduced', 7), ('FR', 'normal', 20);
-- Read by all, changed by the operator. A key share lock on a row that is referred to needs no right to update it.
GRANT SELECT ON countries, tax_rates TO app;

CREATE TABLE orders (
  tenant_id int NOT NULL DEFAULT current_tenant(),
  order_id  uuid NOT NULL DEFAULT gen_random_uuid(),
  reference text NOT NULL,
  country   char(2) NOT NULL,
  tax_class text NOT NULL,
  net       numeric(10, 2) NOT NULL CHECK (net >= 0),
  PRIMARY KEY (tenant_id, order_id),
  UNIQUE (tenant_id, reference),
  FOREIGN KEY (country, tax_class) REFERENCES tax_rates
);
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
ALTER TABLE orders FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_only ON orders USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant());
GRANT SELECT, INSERT, UPDATE (country, tax_class, net), DELETE ON orders TO app;

-- Without a tenant: the house's, for all to read. What a tenant writes is its own.
CREATE TABLE holidays (
  tenant_id int DEFAULT current_tenant(),
  day       date NOT NULL,
  name      text NOT NULL,
  UNIQUE NULLS NOT DISTINCT (tenant_id, day)
);
ALTER TABLE holidays ENABLE ROW LEVEL SECURITY;
ALTER TABLE holidays FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON holidays USING (tenant_id = current_tenant()) WITH CHECK (tenant_id = current_tenant());
CREATE POLICY house ON holidays FOR SELECT USING (tenant_id IS NULL);
GRANT SELECT, INSERT, UPDATE (name), DELETE ON holidays TO app;

CREATE VIEW gross_orders WITH (security_invoker) AS
  SELECT o.order_id, o.reference, round(o.net * (1 + r.percent / 100), 2) AS gross
    FROM orders o JOIN tax_rates r ON r.country = o.country AND r.class = o.tax_class;
GRANT SELECT ON gross_orders TO app;
