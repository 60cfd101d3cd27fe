-- What becomes of a file whose content is no longer where it was listed, and of the source's "after".

-- +goose Up

ALTER TABLE files ADD COLUMN unread BIGINT NOT NULL DEFAULT 0;   -- 1: reading it showed that nothing of it can go out with what it is pinned to
ALTER TABLE files ADD COLUMN gone BIGINT NOT NULL DEFAULT 0;     -- records of it may be out, and its content is not where it was listed: 1 nothing is there, 2 another content is
ALTER TABLE files ADD COLUMN found_as BIGINT NOT NULL DEFAULT 0; -- number of the file under whose path its content is now, 0 for its own
ALTER TABLE files ADD COLUMN after_why TEXT NOT NULL DEFAULT ''; -- why the source's "after" was not carried out
ALTER TABLE files ADD COLUMN after_attempts BIGINT NOT NULL DEFAULT 0;
ALTER TABLE files ADD COLUMN after_retry_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX files_duplicates ON files (duplicate_of) WHERE duplicate_of > 0;
CREATE INDEX file_contents_file ON file_contents (file);
