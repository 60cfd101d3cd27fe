-- +goose Up

-- What payers with a credit limit owe. A fold of the rated log and of documents.
CREATE TABLE account_exposures (
  payer_number BIGINT NOT NULL,
  currency     TEXT   NOT NULL,
  charged      TEXT   NOT NULL, -- exact decimals; net, all rated usage; '' while it is not kept
  billed       TEXT   NOT NULL, -- net, the part of it that is on documents
  documents    TEXT   NOT NULL, -- gross, the unpaid part of open documents
  passed       TEXT   NOT NULL, -- thresholds in percent that fired and are not armed again
  version      BIGINT NOT NULL, -- how often it was changed
  PRIMARY KEY (payer_number, currency)
);

-- Thresholds of credit limits that were reached.
CREATE TABLE account_alerts (
  payer_number     BIGINT NOT NULL,
  currency         TEXT   NOT NULL,
  percent          BIGINT NOT NULL,
  event            TEXT   NOT NULL, -- credit.threshold, credit.limit.passed
  actions          TEXT   NOT NULL, -- what the credit policy asks for
  exposure         TEXT   NOT NULL,
  credit_limit     TEXT   NOT NULL,
  file             TEXT   NOT NULL, -- the record whose charge reached it
  seq              BIGINT NOT NULL,
  tier             BIGINT NOT NULL,
  used_at          BIGINT NOT NULL, -- when it was used, in nanoseconds since 1970
  partition_number BIGINT NOT NULL, -- of the rated log
  rated_offset     BIGINT NOT NULL,
  PRIMARY KEY (partition_number, rated_offset, file, seq, tier, payer_number, currency, percent)
);
CREATE INDEX account_alerts_payer ON account_alerts (payer_number);
