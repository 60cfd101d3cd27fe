-- +goose Up

-- Invoices and credit notes. A final one never changes.
CREATE TABLE invoice_documents (
  id            TEXT   NOT NULL PRIMARY KEY,
  payer_number  BIGINT NOT NULL,
  seller        TEXT   NOT NULL, -- account of the seller; empty for the operator
  form          TEXT   NOT NULL, -- regular, credit_note, final_settlement
  cycle         BIGINT NOT NULL, -- first day of the last billing cycle that it closes, in days since 1970-01-01
  seq           BIGINT NOT NULL, -- of those of one form and cycle, from 1
  state         TEXT   NOT NULL, -- draft, held, reviewed, final, discarded
  reasons       TEXT   NOT NULL, -- why it is held, one a line
  number_text   TEXT   NOT NULL, -- empty until it is final
  issued        BIGINT NOT NULL, -- days since 1970-01-01; 0 until it is final
  currency      TEXT   NOT NULL,
  total         TEXT   NOT NULL, -- an exact decimal
  hash          TEXT   NOT NULL, -- of the canonical text; empty until it is final
  document      TEXT   NOT NULL, -- all of it, as JSON
  version       BIGINT NOT NULL, -- how often it was changed
  UNIQUE (payer_number, form, cycle, seq)
);
CREATE UNIQUE INDEX invoice_documents_number ON invoice_documents (seller, number_text) WHERE number_text <> '';
CREATE INDEX invoice_documents_payer ON invoice_documents (payer_number, cycle);

-- What was done to documents, and by whom.
CREATE TABLE invoice_steps (
  document TEXT   NOT NULL,
  n        BIGINT NOT NULL, -- from 1
  state    TEXT   NOT NULL, -- after it
  at       BIGINT NOT NULL, -- nanoseconds since 1970
  who      TEXT   NOT NULL,
  why      TEXT   NOT NULL,
  PRIMARY KEY (document, n)
);

-- The counters of number ranges.
CREATE TABLE invoice_numbers (
  seller     TEXT   NOT NULL,
  range_text TEXT   NOT NULL, -- as written in the accounting group
  year       BIGINT NOT NULL, -- 0 if the range goes on for ever
  next       BIGINT NOT NULL,
  issued     BIGINT NOT NULL, -- date of the last number, in days since 1970-01-01
  PRIMARY KEY (seller, range_text, year)
);
