-- class: C-bypass
-- channel: write count existence
-- level: queries
-- A trigger adds up orders in the table of countries, for a map: everyone reads everyone's turnover.
ALTER TABLE countries ADD turnover numeric NOT NULL DEFAULT 0;
CREATE FUNCTION add_turnover() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  UPDATE public.countries SET turnover = turnover + NEW.net WHERE code = NEW.country;
  RETURN NULL;
END $$;
CREATE TRIGGER add_turnover AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION add_turnover();
