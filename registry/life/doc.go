// Package life knows the life of a SIM: the states that an operator's state model has, what is allowed between them,
// the rules of a lifecycle (test quota, bill on first use, suspensions, activation), and the state in which a SIM is at
// any time.
//
// It is pure: texts, facts and events go in, states, time limits and change sets come out. It has no clock, stores
// nothing and holds no table of SIMs. It owns neither the facts (registry), nor their consumer (simstate), nor prices
// (rating): charges of transitions and activations are only named here.
//
// Start at Book, which has the compiled texts, and at States, which replays what happened to a SIM. model.go and
// lifecycle.go have the texts, stay.go has what ends a stay in a state, effective.go answers what rating asks.
package life
