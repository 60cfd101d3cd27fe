-- Files whose place another content took, which no listing told apart: a listing without it gives them another chance.
-- +goose Up
CREATE INDEX files_other_content ON files (source) WHERE gone = 2;
