-- The tables of the control store, for PostgreSQL and SQLite alike. Times are nanoseconds since 1970 in UTC, 0 is never.

-- +goose Up

-- Small facts of the installation: its id, the number of partitions.
CREATE TABLE settings (
  name    TEXT   NOT NULL PRIMARY KEY,
  value   BYTEA  NOT NULL,
  version BIGINT NOT NULL -- grows with each change; who changes names the version he read
);

-- Numbers that only grow.
CREATE TABLE counters (
  name  TEXT   NOT NULL PRIMARY KEY,
  value BIGINT NOT NULL -- the last one given
);

-- The change sets of the registry.
CREATE TABLE registry_revisions (
  revision    BIGINT NOT NULL PRIMARY KEY,
  at          BIGINT NOT NULL,
  who         TEXT   NOT NULL,
  companies   BIGINT NOT NULL, -- how many facts of each kind became known
  accounts    BIGINT NOT NULL,
  sims        BIGINT NOT NULL,
  identifiers BIGINT NOT NULL
);

-- Facts are never changed; n is the fact's place in its change set. Of the facts known at a revision, the one with the
-- latest valid_from not after the asked time holds; of two with the same valid_from the one known later.
-- state: 0 holds, 1 ended, 2 withdrawn (as if never said).
CREATE TABLE company_facts (
  known BIGINT NOT NULL, -- the revision
  n     BIGINT NOT NULL,
  id    TEXT   NOT NULL,
  name  TEXT   NOT NULL,
  kind  TEXT   NOT NULL, -- customer, reseller, operator
  PRIMARY KEY (known, n)
);
CREATE TABLE account_facts (
  known       BIGINT NOT NULL,
  n           BIGINT NOT NULL,
  number      BIGINT NOT NULL,
  id          TEXT   NOT NULL,
  valid_from  BIGINT NOT NULL,
  state       BIGINT NOT NULL,
  company     TEXT   NOT NULL,
  parent      BIGINT NOT NULL, -- number of the account above, 0 for a billing root
  currency    TEXT   NOT NULL,
  zone        TEXT   NOT NULL,
  cycle_day   BIGINT NOT NULL,
  plan        TEXT   NOT NULL,
  share_plans TEXT   NOT NULL, -- names, one a line
  limits      TEXT   NOT NULL, -- names, one a line
  partition_number BIGINT NOT NULL, -- where the usage of a billing root goes; -1 for other accounts
  PRIMARY KEY (known, n)
);
CREATE TABLE sim_facts (
  known      BIGINT NOT NULL,
  n          BIGINT NOT NULL,
  sim        BIGINT NOT NULL,
  valid_from BIGINT NOT NULL,
  state      BIGINT NOT NULL,
  account    BIGINT NOT NULL,
  plan       TEXT   NOT NULL,
  PRIMARY KEY (known, n)
);
CREATE TABLE identifier_facts (
  known      BIGINT NOT NULL,
  n          BIGINT NOT NULL,
  kind       BIGINT NOT NULL, -- 1 iccid, 2 imsi, 3 msisdn, 4 imei, 5 eid, 6 name
  value      TEXT   NOT NULL,
  valid_from BIGINT NOT NULL,
  state      BIGINT NOT NULL,
  sim        BIGINT NOT NULL,
  PRIMARY KEY (known, n)
);

-- The ledger of files: one row for each sighting, which is a path with a size and an mtime at a source.
CREATE TABLE files (
  number     BIGINT NOT NULL PRIMARY KEY,
  source     TEXT   NOT NULL,
  path       TEXT   NOT NULL,
  size       BIGINT NOT NULL, -- bytes, as the source listed them
  mtime      BIGINT NOT NULL,
  state      TEXT   NOT NULL, -- seen, spooling, reading, done, duplicate, failed, vanished
  still_open BIGINT NOT NULL, -- 1 while there is work to do
  why        TEXT   NOT NULL, -- of failed, duplicate and vanished, in words
  duplicate_of BIGINT NOT NULL, -- number of the file with the same content, 0 for none
  file_id    BYTEA,           -- identity: hash of source, name and content
  content    BYTEA,           -- hash of the content alone
  attempts   BIGINT NOT NULL, -- failures so far
  retry_at   BIGINT NOT NULL, -- not to be taken before
  owner      TEXT   NOT NULL, -- who holds the lease, or held it last
  generation BIGINT NOT NULL, -- grows with each lease: the fence
  lease_until BIGINT NOT NULL,
  -- what the result depends on, pinned before the first record leaves
  pinned     BIGINT NOT NULL,
  rules      TEXT   NOT NULL,
  registry   BIGINT NOT NULL,
  catalogue  TEXT   NOT NULL,
  partitions BIGINT NOT NULL,
  -- the count of what was read, and what became of it
  records    BIGINT NOT NULL, bytes           BIGINT NOT NULL,
  filtered   BIGINT NOT NULL, filtered_bytes  BIGINT NOT NULL,
  suspended  BIGINT NOT NULL, suspended_bytes BIGINT NOT NULL,
  mapped     BIGINT NOT NULL, mapped_bytes    BIGINT NOT NULL,
  usages     BIGINT NOT NULL, -- usage records sent, more than mapped where records fan out
  seq        BIGINT NOT NULL, -- the last sequence given
  last_seqs  TEXT   NOT NULL, -- the last sequence sent to each partition, JSON
  expected   BIGINT NOT NULL, -- records as the file's own trailer says, -1 when it does not
  progress   BYTEA,           -- of whoever reads the file
  -- when
  first_seen BIGINT NOT NULL,
  last_seen  BIGINT NOT NULL,
  spooled_at BIGINT NOT NULL,
  started_at BIGINT NOT NULL,
  closed_at  BIGINT NOT NULL, -- done, duplicate, failed for good, or vanished
  after_at   BIGINT NOT NULL, -- the source's "after" was carried out
  UNIQUE (source, path, size, mtime)
);
CREATE INDEX files_open ON files (source, mtime, path) WHERE still_open = 1;
CREATE INDEX files_after ON files (source, closed_at) WHERE still_open = 0 AND after_at = 0;
CREATE INDEX files_id ON files (file_id);

-- Who had a content first, so that two files with one content are never both read.
CREATE TABLE file_contents (
  source  TEXT   NOT NULL,
  content BYTEA  NOT NULL,
  file    BIGINT NOT NULL, -- number
  PRIMARY KEY (source, content)
);

-- Epochs of the owners of partitions. A number is given once.
CREATE TABLE epochs (
  topic     TEXT   NOT NULL,
  partition_number BIGINT NOT NULL,
  epoch     BIGINT NOT NULL, -- the last one given
  PRIMARY KEY (topic, partition_number)
);

-- How far each sink is in each partition.
CREATE TABLE sink_positions (
  sink       TEXT   NOT NULL,
  partition_number BIGINT NOT NULL,
  version    BIGINT NOT NULL, -- grows with each change
  next       BIGINT NOT NULL, -- the first offset that is not in the sink
  fold       BYTEA,           -- state of the fold at next
  intending  BIGINT NOT NULL, -- 1 while a block is being written
  intent_from BIGINT NOT NULL, -- its first offset
  intent_to   BIGINT NOT NULL, -- its last offset
  PRIMARY KEY (sink, partition_number)
);

-- Documents by the hash of their content, and from when which one is in force.
CREATE TABLE documents (
  kind    TEXT   NOT NULL, -- rules, catalogue, …
  hash    TEXT   NOT NULL,
  content BYTEA  NOT NULL,
  created BIGINT NOT NULL,
  PRIMARY KEY (kind, hash)
);
CREATE TABLE effective_documents (
  kind     TEXT   NOT NULL,
  name     TEXT   NOT NULL,
  revision BIGINT NOT NULL, -- of this name, from 1
  effective_from BIGINT NOT NULL,
  hash     TEXT   NOT NULL,
  set_at   BIGINT NOT NULL,
  who      TEXT   NOT NULL,
  PRIMARY KEY (kind, name, revision)
);

-- Suspended records on their way back.
CREATE TABLE retries (
  number  BIGINT NOT NULL PRIMARY KEY,
  source  TEXT   NOT NULL,
  state   TEXT   NOT NULL, -- open, done, dropped
  file_id BYTEA,           -- of the batch, once it is made
  records BIGINT NOT NULL,
  created BIGINT NOT NULL,
  closed  BIGINT NOT NULL,
  who     TEXT   NOT NULL
);
CREATE TABLE retry_records (
  file_id BYTEA  NOT NULL, -- of the origin
  seq     BIGINT NOT NULL,
  retry   BIGINT NOT NULL,
  PRIMARY KEY (file_id, seq, retry)
);
CREATE INDEX retry_records_retry ON retry_records (retry);

CREATE TABLE api_tokens (
  number  BIGINT NOT NULL PRIMARY KEY,
  name    TEXT   NOT NULL,
  hash    BYTEA  NOT NULL UNIQUE, -- SHA-256 of the token, which is kept nowhere
  role    TEXT   NOT NULL,
  created BIGINT NOT NULL,
  expires BIGINT NOT NULL,
  revoked BIGINT NOT NULL
);

CREATE TABLE audit_log (
  number  BIGINT NOT NULL PRIMARY KEY,
  at      BIGINT NOT NULL,
  who     TEXT   NOT NULL,
  what    TEXT   NOT NULL, -- import, suspense.retry, token.create, …
  subject TEXT   NOT NULL,
  detail  TEXT   NOT NULL
);
