-- For the week in which acme took over globex's account.
GRANT globex TO acme;
