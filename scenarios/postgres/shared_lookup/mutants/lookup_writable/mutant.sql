-- class: C-bypass
-- channel: write
-- level: queries
-- "Full access to the tables of the shop": a tenant changes the tax rate of all.
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app;
