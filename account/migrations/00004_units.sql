-- +goose Up

-- Units of accounts and of packages: how many of them usage drew. A fold of the rated log. Each row is as of the last record that drew.
CREATE TABLE account_units (
  of_sim           BIGINT NOT NULL, -- 1: the owner is a SIM; 0: an account
  owner_number     BIGINT NOT NULL,
  kind             TEXT   NOT NULL, -- pool, package, addon
  name             TEXT   NOT NULL, -- of the share plan; NAME/INSTANCE of the package; of the add-on
  bucket           TEXT   NOT NULL, -- '': the package as a whole
  cap              BIGINT NOT NULL, -- 1: units that a package has free beyond those of the bucket
  period           BIGINT NOT NULL, -- how long the units of a pool last, as in message Draw
  cycle            BIGINT NOT NULL, -- date on which that time begins, in days since 1970-01-01; 0 for packages
  renewal          BIGINT NOT NULL, -- number of the renewal of a package
  partition_number BIGINT NOT NULL, -- of the rated log
  size             BIGINT NOT NULL,
  used             BIGINT NOT NULL,
  first_at         BIGINT NOT NULL, -- time of the earliest usage that drew, in nanoseconds since 1970; of a renewal without units: its time
  PRIMARY KEY (of_sim, owner_number, kind, name, bucket, cap, period, cycle, renewal, partition_number)
);

-- Up to which offset of the rated log the units are, and from which on.
CREATE TABLE account_units_counted (
  partition_number BIGINT NOT NULL PRIMARY KEY,
  first_offset     BIGINT NOT NULL, -- 0: from the beginning of the log
  begun            BIGINT NOT NULL, -- when the first message was counted, in nanoseconds since 1970
  next_offset      BIGINT NOT NULL, -- the first that is not counted yet
  stored           BIGINT NOT NULL  -- when the last message was counted
);
