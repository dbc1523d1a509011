-- Granted for one night's backup.
ALTER ROLE app BYPASSRLS;
