-- class: D-constraint
-- channel: sequence
-- level: queries
-- The tax office wants numbers without repetition, so all tenants draw from one sequence, and each can read in its
-- gaps how much the others sell.
CREATE SEQUENCE common.invoice_numbers;
GRANT USAGE ON SEQUENCE common.invoice_numbers TO tenant_acme, tenant_globex;
ALTER TABLE tenant_acme.invoices ALTER number DROP IDENTITY, ALTER number SET DEFAULT nextval('common.invoice_numbers');
ALTER TABLE tenant_globex.invoices ALTER number DROP IDENTITY, ALTER number SET DEFAULT nextval('common.invoice_numbers');
