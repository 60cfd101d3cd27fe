-- +goose Up

-- Up to where the balances that are being made again were. Until all partitions are there, nobody is judged by what is owed.
CREATE TABLE account_rebuilds (
  partition_number BIGINT NOT NULL PRIMARY KEY,
  sink             TEXT   NOT NULL, -- the consumer
  until            BIGINT NOT NULL  -- offset of the rated log
);
