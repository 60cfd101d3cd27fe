-- +goose Up

-- Disputes are parts of a document too: of kind dispute, with what credit notes had taken back of it before.
ALTER TABLE invoice_payment_parts ADD COLUMN credited TEXT NOT NULL DEFAULT '0';
ALTER TABLE invoice_receivables ADD COLUMN disputed TEXT NOT NULL DEFAULT '0'; -- by the payer; what it was when it was told
ALTER TABLE invoice_receivables ADD COLUMN disputed_after TEXT NOT NULL DEFAULT '0'; -- what was credited then: later credit notes settle it
