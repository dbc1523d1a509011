-- class: D-constraint
-- channel: dos existence
-- level: sql
-- Documents got short numbers from one sequence, with all rights on it: who resets it makes the others' inserts fail.
ALTER TABLE documents ADD short_number serial UNIQUE;
GRANT ALL ON SEQUENCE documents_short_number_seq TO tenants;
