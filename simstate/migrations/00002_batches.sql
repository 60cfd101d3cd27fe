-- +goose Up

-- Batches of changes of SIMs, and how far each is: its lines up to done are worked through. The position moves in the
-- transaction that makes the changes.
CREATE TABLE simstate_batches (
  id      TEXT   NOT NULL PRIMARY KEY,
  digest  TEXT   NOT NULL, -- SHA-256 of the file
  lines   BIGINT NOT NULL,
  done    BIGINT NOT NULL,
  who     TEXT   NOT NULL,
  begun   BIGINT NOT NULL,
  changed BIGINT NOT NULL
);

-- What became of the lines of batches that changed nothing, or about which there is something to say.
CREATE TABLE simstate_batch_lines (
  batch  TEXT   NOT NULL,
  line   BIGINT NOT NULL, -- from 1, without the header
  result TEXT   NOT NULL, -- done, nothing, refused
  why    TEXT   NOT NULL,
  PRIMARY KEY (batch, line)
);
