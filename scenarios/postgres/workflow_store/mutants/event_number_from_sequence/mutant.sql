-- class: D-constraint
-- channel: sequence count existence
-- level: queries
-- Events are numbered by one sequence, to save the lock on the run: the gaps in a tenant's numbers are the others' events.
CREATE SEQUENCE private.event_numbers;
CREATE OR REPLACE FUNCTION private.number_event() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  NEW.seq := nextval('private.event_numbers');
  RETURN NEW;
END $$;
