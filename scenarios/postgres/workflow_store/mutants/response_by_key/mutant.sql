-- class: H-application
-- channel: read
-- level: queries
-- Answers to earlier requests are kept for a repeated call, by the caller's key alone, and only a function reaches
-- them, so "row security is not needed".
CREATE TABLE private.responses (
  tenant_id text NOT NULL DEFAULT workflow.current_tenant() REFERENCES workflow.tenants,
  key       text PRIMARY KEY,
  response  text NOT NULL
);
CREATE FUNCTION workflow.answer_once(p_key text, p_response text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  INSERT INTO private.responses (key, response) VALUES (p_key, p_response) ON CONFLICT DO NOTHING;
  RETURN (SELECT r.response FROM private.responses r WHERE r.key = p_key);
END $$;
GRANT EXECUTE ON FUNCTION workflow.answer_once(text, text) TO app;
