-- Files of a source that was removed, which somebody ordered to be read to their end.

-- +goose Up

ALTER TABLE files ADD COLUMN finish_by TEXT NOT NULL DEFAULT ''; -- who ordered it; empty for nobody
CREATE INDEX files_finish ON files (source) WHERE finish_by <> '';
