-- Who asks about one SIM reads its facts alone, and finds it by an identifier.

-- +goose Up

CREATE INDEX sim_facts_sim ON sim_facts (sim);
CREATE INDEX identifier_facts_sim ON identifier_facts (sim);
CREATE INDEX identifier_facts_value ON identifier_facts (value);
