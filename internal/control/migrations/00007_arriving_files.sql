-- Files of the last listing that are not complete yet, and what each waits for.

-- +goose Up

CREATE TABLE arriving_files (
  source    TEXT   NOT NULL,
  path      TEXT   NOT NULL,
  size      BIGINT NOT NULL,
  mtime     BIGINT NOT NULL,
  since     BIGINT NOT NULL, -- it has this size and time of change
  last_seen BIGINT NOT NULL,
  waits_for TEXT   NOT NULL, -- in words
  PRIMARY KEY (source, path)
);
