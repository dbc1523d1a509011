-- class: C-bypass
-- channel: read
-- level: queries
-- A view over all tenants for the support desk, in the schema that everyone may use, and granted with it.
CREATE VIEW common.open_invoices AS
  SELECT 'acme' AS tenant, number, amount FROM tenant_acme.invoices WHERE NOT paid
  UNION ALL
  SELECT 'globex', number, amount FROM tenant_globex.invoices WHERE NOT paid;
GRANT SELECT ON ALL TABLES IN SCHEMA common TO tenant_acme, tenant_globex;
