-- Files of which all but the end is out: whoever takes one next sends the end, and needs its content no more.

-- +goose Up

ALTER TABLE files ADD COLUMN ending BYTEA;                           -- the totals that its end has, as a message; NULL while records may be to come
ALTER TABLE files ADD COLUMN ending_why TEXT NOT NULL DEFAULT '';    -- why it could not be read further; empty when it was read to its end
ALTER TABLE files ADD COLUMN ending_at BIGINT NOT NULL DEFAULT 0;    -- since when the end may be out
