-- A retry batch is a file of the ledger, which no listing of its source shows.

-- +goose Up

ALTER TABLE files ADD COLUMN retry BIGINT NOT NULL DEFAULT 0; -- number of the retry batch, 0 for a carrier's file
CREATE INDEX files_retry ON files (retry) WHERE retry > 0;
ALTER TABLE retries ADD COLUMN why TEXT NOT NULL DEFAULT ''; -- of a drop, in the words of who did it
