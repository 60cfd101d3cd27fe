-- +goose Up

-- Documents are found by their number alone, and those of a bill run by their cycle or state.
CREATE INDEX invoice_documents_number_text ON invoice_documents (number_text) WHERE number_text <> '';
CREATE INDEX invoice_documents_cycle ON invoice_documents (cycle, payer_number);
CREATE INDEX invoice_documents_state ON invoice_documents (state, payer_number);
