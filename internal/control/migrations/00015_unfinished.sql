-- Files that were begun and are not read to their end, and retries, by the revision of the registry to which they are pinned.

-- +goose Up

CREATE INDEX files_unfinished ON files (source, registry) WHERE pinned = 1 AND state NOT IN ('done', 'duplicate');
CREATE INDEX files_retry_pinned ON files (source, registry) WHERE retry > 0 AND pinned = 1;
