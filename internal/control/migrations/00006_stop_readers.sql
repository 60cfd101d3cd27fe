-- Who stopped where: raters and sinks read the same topics, and each has gone on past a place only when it has itself.

-- +goose Up

CREATE TABLE partition_stop_readers (
  topic      TEXT   NOT NULL,
  partition_number BIGINT NOT NULL,
  position   BIGINT NOT NULL,
  kind       TEXT   NOT NULL,
  hash       TEXT   NOT NULL,
  reader     TEXT   NOT NULL, -- role: rating, warehouse
  process    TEXT   NOT NULL, -- which stopped last
  reason     TEXT   NOT NULL,
  first_at   BIGINT NOT NULL,
  last_at    BIGINT NOT NULL,
  closed_at  BIGINT NOT NULL, -- this reader has gone on past it
  PRIMARY KEY (topic, partition_number, position, kind, hash, reader)
);

INSERT INTO partition_stop_readers (topic, partition_number, position, kind, hash, reader, process, reason, first_at, last_at, closed_at)
  SELECT topic, partition_number, position, kind, hash, role, process, reason, first_at, last_at, closed_at FROM partition_stops;

ALTER TABLE partition_stops ADD COLUMN ordered_for TEXT NOT NULL DEFAULT ''; -- the reader whose stop was looked at
