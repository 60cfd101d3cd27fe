-- How long a pause is, so that one which ends later than that from now is known to be of a clock that was wrong.

-- +goose Up

ALTER TABLE files ADD COLUMN retry_for BIGINT NOT NULL DEFAULT 0; -- nanoseconds; 0: set by an older program
ALTER TABLE files ADD COLUMN after_retry_for BIGINT NOT NULL DEFAULT 0; -- as retry_for, for after_retry_at
