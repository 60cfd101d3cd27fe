-- Which state facts follow from others: rating works those out again when earlier usage comes later.

-- +goose Up

-- 0 stated by people and programs, 1 by usage, 2 by a time limit, 3 by the status of the account. Older programs do not say
-- it: then the cause does.
ALTER TABLE sim_state_facts ADD COLUMN origin BIGINT;
