-- +goose Up

-- Deliveries of final documents: one row for each channel, made in the transaction that makes the document final.
CREATE TABLE invoice_deliveries (
  id           TEXT   NOT NULL PRIMARY KEY, -- <document>/<channel>
  document     TEXT   NOT NULL, -- id
  number_text  TEXT   NOT NULL,
  payer_number BIGINT NOT NULL,
  payer        TEXT   NOT NULL, -- account, as printed
  channel      TEXT   NOT NULL, -- email, sftp, hardcopy, e_invoice
  recipient    TEXT   NOT NULL, -- addresses of mail, separated by blanks; for people, where others go
  state        TEXT   NOT NULL, -- pending, sending, sent, confirmed, failed
  why          TEXT   NOT NULL, -- of the last attempt that failed, or of what a person did
  who          TEXT   NOT NULL, -- the person who did it
  round        BIGINT NOT NULL, -- 1, and one more each time that somebody orders it to be sent again
  began        BIGINT NOT NULL, -- of the round, nanoseconds since 1970: it is tried for a day
  attempts     BIGINT NOT NULL, -- of the round
  unclear      BIGINT NOT NULL, -- attempts that broke off: nobody knows whether the receiver has it
  next_at      BIGINT NOT NULL, -- not to be tried before; 0 when nothing is left to do
  sent         BIGINT NOT NULL, -- when; 0 for not yet
  made         BIGINT NOT NULL,
  changed      BIGINT NOT NULL,
  version      BIGINT NOT NULL
);
CREATE INDEX invoice_deliveries_next ON invoice_deliveries (next_at);
CREATE INDEX invoice_deliveries_document ON invoice_deliveries (document);
CREATE INDEX invoice_deliveries_state ON invoice_deliveries (state);

-- Files of documents, kept as issued and never made again.
CREATE TABLE invoice_files (
  document TEXT   NOT NULL, -- id
  kind     TEXT   NOT NULL, -- pdf, ubl, csv
  path     TEXT   NOT NULL, -- in the folder of documents
  name     TEXT   NOT NULL, -- as receivers see it
  sha256   TEXT   NOT NULL,
  size     BIGINT NOT NULL,
  made     BIGINT NOT NULL,
  PRIMARY KEY (document, kind)
);
