-- The whole schema, by app_owner: psql -f store.sql
\ir tenants.sql
\ir plans.sql
\ir runs.sql
\ir events.sql
\ir outbox.sql
\ir audit.sql
\ir usage.sql
\ir functions.sql
\ir rights.sql
