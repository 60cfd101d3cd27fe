-- +goose Up

-- Limits that were reached and that have the network slow SIMs down or bar them until the limit's period ends.
CREATE TABLE simstate_bars (
  cause      TEXT   NOT NULL PRIMARY KEY, -- usage:<file>:<seq>:<action>:<limit>:<account>
  sim        BIGINT NOT NULL, -- 0: all SIMs of the accounts below the account that have the limit
  account    BIGINT NOT NULL, -- number of the account that owns the count; of a SIM, the one that has the limit
  limit_name TEXT   NOT NULL,
  action     TEXT   NOT NULL, -- throttle, deactivate
  at         BIGINT NOT NULL, -- when the record began
  until      BIGINT NOT NULL, -- end of the period
  spread     BIGINT NOT NULL  -- of all SIMs: the last one that was settled for it; -1 when all are
);
CREATE INDEX simstate_bars_sim ON simstate_bars (sim, until);
CREATE INDEX simstate_bars_spread ON simstate_bars (spread);

-- The limit that asks for a request to the network; '' for the state of the SIM.
ALTER TABLE simstate_network ADD COLUMN limit_name TEXT NOT NULL DEFAULT '';
