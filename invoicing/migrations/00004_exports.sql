-- +goose Up

-- What is copied to ClickHouse: documents that became final, and closes that became fixed, in that order. n has no gaps: a transaction
-- takes it by the counter, so those that commit later have a higher one.
CREATE TABLE invoice_exports (
  n            BIGINT NOT NULL PRIMARY KEY, -- from 1
  document     TEXT   NOT NULL,             -- id; empty for a close
  payer_number BIGINT NOT NULL,
  cycle        BIGINT NOT NULL              -- of a close: its first day, in days since 1970-01-01
);
CREATE TABLE invoice_exports_counter (
  one BIGINT NOT NULL PRIMARY KEY, -- 1
  n   BIGINT NOT NULL              -- the last one that was taken
);

-- Those that became final or fixed before there was this table.
INSERT INTO invoice_exports (n, document, payer_number, cycle)
  SELECT row_number() OVER (ORDER BY cycle, payer_number, document), document, payer_number, cycle FROM (
    SELECT '' AS document, payer_number, cycle FROM invoice_closes WHERE state IN ('open', 'billed', 'pro_forma')
    UNION ALL
    SELECT id, payer_number, cycle FROM invoice_documents WHERE state = 'final') AS fixed;
INSERT INTO invoice_exports_counter (one, n) SELECT 1, count(*) FROM invoice_exports;
