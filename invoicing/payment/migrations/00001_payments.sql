-- +goose Up

-- What is open of each final document: one row, made in the transaction that makes it final.
CREATE TABLE invoice_receivables (
  document     TEXT   NOT NULL PRIMARY KEY, -- its id
  number_text  TEXT   NOT NULL,
  payer_number BIGINT NOT NULL,
  payer        TEXT   NOT NULL, -- account, as printed
  seller       TEXT   NOT NULL, -- account of the seller; empty for the operator
  form         TEXT   NOT NULL,
  corrects     TEXT   NOT NULL, -- number of the document that a credit note takes back
  currency     TEXT   NOT NULL,
  scale        BIGINT NOT NULL, -- decimals of the currency
  issued       BIGINT NOT NULL, -- days since 1970-01-01
  due          BIGINT NOT NULL,
  method       TEXT   NOT NULL, -- slip, direct_debit, sepa, or empty
  total        TEXT   NOT NULL, -- exact decimals; total is gross, and below 0 where money is paid back
  credited     TEXT   NOT NULL, -- by credit notes; of a credit note, what it took back elsewhere
  paid         TEXT   NOT NULL,
  written_off  TEXT   NOT NULL,
  is_open      BIGINT NOT NULL, -- 1 unless total = credited + paid + written_off
  version      BIGINT NOT NULL
);
CREATE INDEX invoice_receivables_payer ON invoice_receivables (payer_number, issued);
CREATE INDEX invoice_receivables_number ON invoice_receivables (number_text);
CREATE INDEX invoice_receivables_open ON invoice_receivables (is_open, due);

-- Payments, as the facts of kind payment state them. A fold of these facts, which can be made again.
CREATE TABLE invoice_payments (
  id           TEXT   NOT NULL PRIMARY KEY, -- subject of the fact
  payer_number BIGINT NOT NULL, -- 0: nobody knows who paid
  value        TEXT   NOT NULL, -- of the fact, JSON; empty once it is withdrawn
  revision     BIGINT NOT NULL  -- of the facts
);
CREATE INDEX invoice_payments_payer ON invoice_payments (payer_number);

-- How much of which document a payment pays.
CREATE TABLE invoice_payment_parts (
  payment  TEXT   NOT NULL,
  document TEXT   NOT NULL, -- id
  kind     TEXT   NOT NULL, -- payment, write_off
  amount   TEXT   NOT NULL,
  PRIMARY KEY (payment, document)
);
CREATE INDEX invoice_payment_parts_document ON invoice_payment_parts (document);

-- Up to which revision of the facts payments are folded.
CREATE TABLE invoice_payment_facts (
  id       BIGINT NOT NULL PRIMARY KEY, -- 1
  revision BIGINT NOT NULL
);

-- Files for banks, and the debits in them.
CREATE TABLE invoice_collections (
  id      TEXT   NOT NULL PRIMARY KEY, -- of the message
  seller  TEXT   NOT NULL,
  made    BIGINT NOT NULL, -- nanoseconds since 1970
  who     TEXT   NOT NULL,
  why     TEXT   NOT NULL,
  debits  BIGINT NOT NULL,
  total   TEXT   NOT NULL,
  sha256  TEXT   NOT NULL, -- of the file
  content TEXT   NOT NULL  -- the file
);
CREATE TABLE invoice_debits (
  collection   TEXT   NOT NULL,
  document     TEXT   NOT NULL, -- id
  mandate      TEXT   NOT NULL,
  sequence     TEXT   NOT NULL, -- FRST, RCUR
  collected_on BIGINT NOT NULL, -- days since 1970-01-01
  amount       TEXT   NOT NULL,
  PRIMARY KEY (collection, document)
);
CREATE INDEX invoice_debits_document ON invoice_debits (document);
CREATE INDEX invoice_debits_mandate ON invoice_debits (mandate);
