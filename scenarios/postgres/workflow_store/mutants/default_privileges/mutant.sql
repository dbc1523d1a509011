-- class: A-force
-- channel: read
-- level: queries
-- Default privileges hand every later table to the application: a copy made for a migration has rows, but LIKE
-- copies neither policies nor the switch that turns them on.
ALTER DEFAULT PRIVILEGES IN SCHEMA workflow GRANT SELECT ON TABLES TO app;
CREATE TABLE workflow.plans_before_v2 (LIKE workflow.plans INCLUDING ALL);
