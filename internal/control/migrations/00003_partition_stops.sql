-- Where partitions stopped, and what somebody ordered about it.

-- +goose Up

CREATE TABLE partition_stops (
  topic      TEXT   NOT NULL,
  partition_number BIGINT NOT NULL,
  position   BIGINT NOT NULL, -- offset in the topic
  kind       TEXT   NOT NULL, -- message, gap, rows, other
  hash       TEXT   NOT NULL, -- of what stands there
  role       TEXT   NOT NULL,
  process    TEXT   NOT NULL, -- which stopped last
  reason     TEXT   NOT NULL,
  message    BYTEA,           -- as it stands in the topic
  detail     BYTEA,           -- of kind rows: the refused rows, as JSON
  first_at   BIGINT NOT NULL,
  last_at    BIGINT NOT NULL,
  closed_at  BIGINT NOT NULL, -- the partition has gone on past it
  version    BIGINT NOT NULL, -- grows with each order
  skip       BIGINT NOT NULL, -- 1: go on without what is wrong here; never taken back
  who        TEXT   NOT NULL,
  why        TEXT   NOT NULL,
  ordered_at BIGINT NOT NULL,
  PRIMARY KEY (topic, partition_number, position, kind, hash)
);
