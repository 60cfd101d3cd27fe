-- +goose Up

-- Requests that the network has to acknowledge before a state holds (confirm: before of a transition).
ALTER TABLE simstate_network ADD COLUMN wish TEXT NOT NULL DEFAULT '';  -- JSON: for which account, who, why; '' for others
ALTER TABLE simstate_network ADD COLUMN cause TEXT NOT NULL DEFAULT ''; -- of the fact to be stated
CREATE INDEX simstate_network_cause ON simstate_network (cause) WHERE cause <> '';
