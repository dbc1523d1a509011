-- class: A-force
-- channel: read
-- level: sql
-- The table was split again, the new partition got no row security of its own, and a grant on "all tables" reaches
-- it directly, past the policies of its parent.
DROP TABLE workflow.run_events_1;
CREATE TABLE workflow.run_events_1 PARTITION OF workflow.run_events FOR VALUES WITH (MODULUS 4, REMAINDER 1);
CREATE TABLE workflow.run_events_3 PARTITION OF workflow.run_events FOR VALUES WITH (MODULUS 4, REMAINDER 3);
ALTER TABLE workflow.run_events_0 NO FORCE ROW LEVEL SECURITY;
ALTER TABLE workflow.run_events_0 DISABLE ROW LEVEL SECURITY;
GRANT SELECT ON ALL TABLES IN SCHEMA workflow TO app;
