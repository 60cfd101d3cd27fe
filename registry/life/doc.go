// Package life computes the life cycle of a SIM. It owns the states of an operator's state model and the allowed
// transitions between them, the rules of a lifecycle (test quota, bill on first use, suspensions, activation),
// and the state of a SIM at any time.
//
// Its functions are pure: they take texts, facts and events, and return states, time limits and change sets. The
// package has no clock, stores nothing and holds no table of SIMs. It owns neither the facts (registry), nor their
// consumer (simstate), nor prices (rating). It only contains the names of the charges for transitions and
// activations.
//
// Start at Book, which contains the compiled documents, and at States, which replays the events of a SIM.
// model.go and lifecycle.go define the documents, stay.go computes when a stay in a state ends, and
// effective.go has the lookups for rating.
package life
