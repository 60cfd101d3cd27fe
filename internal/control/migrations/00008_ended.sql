-- Whether the end of a file that failed is out, so that it is never sent again.

-- +goose Up

ALTER TABLE files ADD COLUMN ended BIGINT NOT NULL DEFAULT 0;
-- What an older program recorded of files that broke off. Those that could not be fetched failed ten times; a topic that
-- refused a message is named with its setting.
UPDATE files SET ended = 1 WHERE state = 'failed' AND still_open = 0 AND pinned = 1 AND unread = 0 AND gone = 0 AND retry = 0 AND suspended > 0
  AND attempts < 10 AND why NOT LIKE '%max.message.bytes%';
