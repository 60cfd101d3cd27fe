-- +goose Up

-- The deliveries of a document are asked for by its number too. Without this index each question read all deliveries.
CREATE INDEX invoice_deliveries_number ON invoice_deliveries (number_text);
