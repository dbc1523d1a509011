-- class: B-policy
-- channel: read
-- level: queries
-- Templates of the house are to be seen by all. Policies are joined by OR, and nothing says whose templates.
ALTER TABLE workflow.plans ADD is_template boolean NOT NULL DEFAULT false;
CREATE POLICY templates ON workflow.plans FOR SELECT USING (is_template);
GRANT INSERT, UPDATE (is_template) ON workflow.plans TO app;
