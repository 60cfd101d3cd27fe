-- Whether the end of a file that failed is out, so that it is never sent again. -1: an older program recorded the file, and
-- did not say so (see hasEnded in fileend.go).

-- +goose Up

ALTER TABLE files ADD COLUMN ended BIGINT NOT NULL DEFAULT -1;
