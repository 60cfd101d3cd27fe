-- Facts of every kind, with why they were stated and what caused them.
-- +goose Up
ALTER TABLE registry_revisions ADD COLUMN why TEXT NOT NULL DEFAULT '';
ALTER TABLE registry_revisions ADD COLUMN states BIGINT NOT NULL DEFAULT 0; -- how many facts of each kind became known
ALTER TABLE registry_revisions ADD COLUMN facts BIGINT NOT NULL DEFAULT 0;

-- cause: the n in fact_causes, of the same revision, of what made a fact; 0 for none.
ALTER TABLE company_facts ADD COLUMN cause BIGINT NOT NULL DEFAULT 0;
ALTER TABLE account_facts ADD COLUMN cause BIGINT NOT NULL DEFAULT 0;
ALTER TABLE account_facts ADD COLUMN kind TEXT NOT NULL DEFAULT 'standard'; -- or reseller
ALTER TABLE account_facts ADD COLUMN project TEXT NOT NULL DEFAULT '';
ALTER TABLE sim_facts ADD COLUMN cause BIGINT NOT NULL DEFAULT 0;
ALTER TABLE identifier_facts ADD COLUMN cause BIGINT NOT NULL DEFAULT 0;

CREATE TABLE sim_state_facts (
  known      BIGINT NOT NULL, -- the revision
  n          BIGINT NOT NULL,
  sim        BIGINT NOT NULL,
  valid_from BIGINT NOT NULL,
  state      BIGINT NOT NULL, -- of the fact: 0 holds, 1 ended, 2 withdrawn, 3 holds after an end
  name       TEXT   NOT NULL, -- of the state in its model
  core       TEXT   NOT NULL, -- prospect, active, suspended, cancelled
  lifecycle  TEXT   NOT NULL, -- name@version of the text
  brought    BIGINT NOT NULL, -- 1 if the SIM came from elsewhere in this state
  cause      BIGINT NOT NULL,
  PRIMARY KEY (known, n)
);
CREATE INDEX sim_state_facts_sim ON sim_state_facts (sim);

CREATE TABLE facts (
  known      BIGINT NOT NULL,
  n          BIGINT NOT NULL,
  kind       TEXT   NOT NULL, -- status, profile, settings, resource, ...
  subject    TEXT   NOT NULL, -- id of an account or a company, or sim:<number>
  name       TEXT   NOT NULL, -- of the instance, where a subject has several
  valid_from BIGINT NOT NULL,
  state      BIGINT NOT NULL,
  value      TEXT   NOT NULL, -- canonical JSON
  cause      BIGINT NOT NULL,
  PRIMARY KEY (known, n)
);
CREATE INDEX facts_subject ON facts (subject, kind);

-- A cause makes facts once.
CREATE TABLE fact_causes (
  cause   TEXT   NOT NULL PRIMARY KEY, -- request:<key>, usage:<file>:<seq>, timer:<kind>:<subject>:<due>, ...
  known   BIGINT NOT NULL,
  n       BIGINT NOT NULL, -- from 1, in its change set
  kind    TEXT   NOT NULL,
  subject TEXT   NOT NULL
);
CREATE INDEX fact_causes_known ON fact_causes (known, n);
