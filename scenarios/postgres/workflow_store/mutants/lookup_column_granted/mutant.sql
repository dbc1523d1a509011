-- class: C-bypass
-- channel: write
-- level: queries
-- One column of a table that everyone shares was granted so that a tenant could word its own descriptions.
GRANT UPDATE (description) ON workflow.event_kinds TO app;
