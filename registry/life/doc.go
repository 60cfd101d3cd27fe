// Package life computes the life of a SIM. It owns the states of an operator's state model and the allowed steps
// between them, the rules of a lifecycle (test quota, bill on first use, suspensions, activation), and the state of a
// SIM at any time.
//
// It is pure: it takes texts, facts and events, and returns states, time limits and change sets. It has no clock,
// stores nothing and holds no table of SIMs. It owns neither the facts (registry), nor their consumer (simstate), nor
// prices (rating). It only names the charges of transitions and activations.
//
// Start at Book, which holds the compiled documents, and at States, which replays the events of a SIM. model.go
// and lifecycle.go define the documents, stay.go computes when a stay in a state ends, and effective.go has the
// lookups for rating.
package life
