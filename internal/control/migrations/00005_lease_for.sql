-- How long a lease is, so that one which ends later than that from now is known to be of a clock that was wrong.

-- +goose Up

ALTER TABLE files ADD COLUMN lease_for BIGINT NOT NULL DEFAULT 0; -- nanoseconds; 0: leased by an older program
