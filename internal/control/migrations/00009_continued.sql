-- Files that continue others: what a file must begin with to continue this one, and which file this one continues.

-- +goose Up

ALTER TABLE files ADD COLUMN opening BYTEA;                           -- hash of the content up to the first record that was not filtered
ALTER TABLE files ADD COLUMN content_size BIGINT NOT NULL DEFAULT 0;  -- of the content, unpacked; 0 when it is not known
ALTER TABLE files ADD COLUMN begins BYTEA;                            -- hash of the first begins_size bytes of the content, unpacked
ALTER TABLE files ADD COLUMN begins_size BIGINT NOT NULL DEFAULT 0;   -- how much of the content, unpacked, was read
ALTER TABLE files ADD COLUMN continues BIGINT NOT NULL DEFAULT 0;     -- number of the file whose content this one's begins with, 0 for none
ALTER TABLE files ADD COLUMN continues_from BIGINT NOT NULL DEFAULT 0; -- bytes of the content, unpacked, that belong to it and those before it
ALTER TABLE files ADD COLUMN changed BIGINT NOT NULL DEFAULT 0;       -- number of the file that was read under the same name, begins alike, and is not the beginning of this one
ALTER TABLE files ADD COLUMN as_it_is BIGINT NOT NULL DEFAULT 0;      -- 1: somebody ordered to read it as it is, however it looks
CREATE INDEX files_opening ON files (source, opening, begins_size, number);
CREATE INDEX files_path ON files (source, path, number);
CREATE INDEX files_gone ON files (source, begins) WHERE gone > 0;
