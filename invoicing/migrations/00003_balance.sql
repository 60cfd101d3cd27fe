-- +goose Up

-- Where the invoice balance was off when it was last computed. A payer with a row is held by the next bill run.
CREATE TABLE invoice_balance_off (
  payer_number BIGINT NOT NULL, -- 0: it concerns no payer in particular
  line         TEXT   NOT NULL, -- B1 to B10
  cycle        BIGINT NOT NULL, -- its first day, in days since 1970-01-01; 0 for all cycles
  currency     TEXT   NOT NULL,
  what         TEXT   NOT NULL, -- document, part, account
  difference   TEXT   NOT NULL, -- an exact decimal
  at           BIGINT NOT NULL, -- nanoseconds since 1970
  PRIMARY KEY (payer_number, line, cycle, currency, what)
);
