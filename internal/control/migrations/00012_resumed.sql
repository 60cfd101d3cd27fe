-- Files that are read by their new bytes: what is needed to read on after a content, and what was fetched.

-- +goose Up

ALTER TABLE files ADD COLUMN resumes BYTEA;                        -- how to read on after the first begins_size bytes of the content; opaque here, NULL when it is not known
ALTER TABLE files ADD COLUMN compared_at BIGINT NOT NULL DEFAULT 0; -- when all of those bytes were last fetched and compared
ALTER TABLE files ADD COLUMN fetched BIGINT NOT NULL DEFAULT 0;     -- the first byte of the content that was fetched to be read, with some before it to be compared; 0 when all was
