-- class: D-constraint
-- channel: existence
-- level: queries
-- The key was meant to be unique for its caller, and is unique in the house.
ALTER TABLE workflow.runs ADD CONSTRAINT runs_idempotency_key UNIQUE (idempotency_key);
