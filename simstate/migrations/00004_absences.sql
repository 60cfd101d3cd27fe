-- +goose Up

-- What SIMs did not do, although a rule of the catalogue expects it.
CREATE TABLE simstate_absences (
  name           TEXT   NOT NULL, -- of the rule
  event          TEXT   NOT NULL, -- anomaly.silent, anomaly.few_registrations
  sim            BIGINT NOT NULL,
  at             BIGINT NOT NULL, -- when it was so: the days of silence were over, or the date; in nanoseconds since 1970
  account_number BIGINT NOT NULL, -- that owned the SIM
  threshold      BIGINT NOT NULL, -- days, or registrations
  counted        BIGINT NOT NULL, -- registrations
  severity       BIGINT NOT NULL, -- 1 (the worst) to 4
  told           BIGINT NOT NULL, -- when the warehouse was asked
  ended          BIGINT NOT NULL, -- when the silence was found to be over; 0: it is not
  PRIMARY KEY (name, event, sim, at)
);
CREATE INDEX simstate_absences_at ON simstate_absences (at);

-- Up to which date, inclusive, registrations were counted.
CREATE TABLE simstate_absence_days (
  name TEXT   NOT NULL, -- of the rule
  zone TEXT   NOT NULL,
  day  BIGINT NOT NULL, -- in days since 1970-01-01
  PRIMARY KEY (name, zone)
);
