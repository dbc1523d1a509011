-- class: B-policy
-- channel: read
-- level: queries
-- The relay's policy was written anew without its role: it holds for PUBLIC.
DROP POLICY relay_reads ON workflow.outbox;
CREATE POLICY relay_reads ON workflow.outbox FOR SELECT USING (true);
