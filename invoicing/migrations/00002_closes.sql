-- +goose Up

-- Closed billing cycles of payers, with their items added up to lines. One that is fixed (open, billed, pro_forma) never changes but for
-- the document that has its items.
CREATE TABLE invoice_closes (
  payer_number BIGINT NOT NULL,
  payer        TEXT   NOT NULL,
  cycle        BIGINT NOT NULL, -- its first day, in days since 1970-01-01
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
  PRIMARY KEY (payer_number, cycle)
);
CREATE INDEX invoice_closes_state ON invoice_closes (state);
