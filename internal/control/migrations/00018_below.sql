-- Who asks about one payer reads the accounts above and below it, and their SIMs, alone.

-- +goose Up

CREATE INDEX account_facts_number ON account_facts (number);
CREATE INDEX account_facts_parent ON account_facts (parent);
CREATE INDEX account_facts_id ON account_facts (id);
CREATE INDEX sim_facts_account ON sim_facts (account);
