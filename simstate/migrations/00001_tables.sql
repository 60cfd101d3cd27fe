-- +goose Up

-- What usage did to the states of SIMs, as raters wrote it down: first uses, emptied life buckets, limits that suspend.
-- It is kept to judge later automatic steps again when somebody states something about the time before.
CREATE TABLE simstate_usage (
  cause TEXT   NOT NULL PRIMARY KEY, -- usage:<file>:<seq>, with the kind
  sim   BIGINT NOT NULL,
  at    BIGINT NOT NULL, -- when the record began
  kind  TEXT   NOT NULL  -- used, emptied, limit_passed
);
CREATE INDEX simstate_usage_sim ON simstate_usage (sim);

-- The next time limit of each SIM that has one.
CREATE TABLE simstate_timers (
  sim BIGINT NOT NULL PRIMARY KEY,
  due BIGINT NOT NULL
);
CREATE INDEX simstate_timers_due ON simstate_timers (due);

-- Requests to the network, until it has answered.
CREATE TABLE simstate_network (
  id         TEXT   NOT NULL PRIMARY KEY, -- <sim>:<at>:<action>
  sim        BIGINT NOT NULL,
  action     TEXT   NOT NULL, -- activate, deactivate
  state      TEXT   NOT NULL, -- of the SIM, that asks for it
  at         BIGINT NOT NULL, -- since when the SIM has it
  made       BIGINT NOT NULL,
  status     TEXT   NOT NULL, -- requested, sent, acknowledged, rejected, timed_out, replaced
  why        TEXT   NOT NULL, -- of rejected and timed_out
  attempts   BIGINT NOT NULL,
  next_at    BIGINT NOT NULL, -- not to be sent before; 0 when nothing is left to do
  changed    BIGINT NOT NULL
);
CREATE INDEX simstate_network_next ON simstate_network (next_at);
CREATE INDEX simstate_network_sim ON simstate_network (sim);

-- Up to which revision of the facts SIMs are settled, and how far the SIMs are that the revisions up to the next concern.
CREATE TABLE simstate_facts (
  id       BIGINT NOT NULL PRIMARY KEY, -- 1
  revision BIGINT NOT NULL,
  next     BIGINT NOT NULL, -- 0 when nothing is under way
  sim      BIGINT NOT NULL, -- the last one settled for it
  version  BIGINT NOT NULL
);
