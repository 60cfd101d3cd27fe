-- +goose Up

-- Numbers that a range left out on purpose: another system, or a store that was restored from a backup, gave them.
CREATE TABLE invoice_number_skips (
  seller     TEXT   NOT NULL,
  range_text TEXT   NOT NULL,
  year       BIGINT NOT NULL,
  first      BIGINT NOT NULL,
  last       BIGINT NOT NULL,
  at         BIGINT NOT NULL, -- nanoseconds since 1970
  who        TEXT   NOT NULL,
  why        TEXT   NOT NULL,
  PRIMARY KEY (seller, range_text, year, first)
);
