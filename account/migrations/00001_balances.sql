-- +goose Up

-- Balances of accounts: what each is charged in a billing cycle. A fold of the rated log, which can be made again.
CREATE TABLE account_balances (
  account_number   BIGINT NOT NULL, -- who pays
  cycle            BIGINT NOT NULL, -- first day of the billing cycle, in days since 1970-01-01
  tier             BIGINT NOT NULL, -- 0: its own SIMs; 1, 2, …: accounts below
  currency         TEXT   NOT NULL,
  class            TEXT   NOT NULL,
  unit             TEXT   NOT NULL,
  partition_number BIGINT NOT NULL, -- of the rated log; an account that moves to another root has rows of both
  records          BIGINT NOT NULL,
  quantity         BIGINT NOT NULL,
  amount           TEXT   NOT NULL, -- an exact decimal; SQL does not add it
  version          BIGINT NOT NULL, -- how often it was changed
  PRIMARY KEY (account_number, cycle, tier, currency, class, unit, partition_number)
);

-- From which offset of the rated log on the balances of a partition are.
CREATE TABLE account_beginnings (
  partition_number BIGINT NOT NULL PRIMARY KEY,
  rated_offset     BIGINT NOT NULL
);
