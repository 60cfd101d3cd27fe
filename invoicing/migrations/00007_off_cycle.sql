-- +goose Up

-- Closes between two cycles: off_cycle counts those after the close of the cycle, from 1; 0 is the close of the cycle.
CREATE TABLE invoice_closes_new (
  payer_number BIGINT NOT NULL,
  payer        TEXT   NOT NULL,
  cycle        BIGINT NOT NULL, -- its first day, in days since 1970-01-01
  off_cycle    BIGINT NOT NULL DEFAULT 0,
  ends         BIGINT NOT NULL, -- the first day after it
  state        TEXT   NOT NULL, -- held, draft, open, billed, pro_forma
  currency     TEXT   NOT NULL,
  facts        BIGINT NOT NULL, -- revision of the registry as of which it was made
  reasons      TEXT   NOT NULL, -- why it is held, one a line
  released     TEXT   NOT NULL, -- reasons that hold it no more, because a person said so
  waits        TEXT   NOT NULL, -- why its items wait for a later document
  document     TEXT   NOT NULL, -- id of the document that has its items
  close        TEXT   NOT NULL, -- cut, revisions, catalogue, as JSON
  items        TEXT   NOT NULL, -- lines before they are rounded, as JSON
  PRIMARY KEY (payer_number, cycle, off_cycle)
);
INSERT INTO invoice_closes_new (payer_number, payer, cycle, off_cycle, ends, state, currency, facts, reasons, released, waits, document, close, items)
  SELECT payer_number, payer, cycle, 0, ends, state, currency, facts, reasons, released, waits, document, close, items FROM invoice_closes;
DROP TABLE invoice_closes;
ALTER TABLE invoice_closes_new RENAME TO invoice_closes;
CREATE INDEX invoice_closes_state ON invoice_closes (state);

ALTER TABLE invoice_exports ADD COLUMN off_cycle BIGINT NOT NULL DEFAULT 0;
