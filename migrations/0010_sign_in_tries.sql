-- Tries at credentials by address, counted for all processes together. Nothing in it outlives a crash or needs to.
CREATE UNLOGGED TABLE sign_in_tries (
  address text PRIMARY KEY,
  tokens double precision NOT NULL,
  at timestamptz NOT NULL
);
