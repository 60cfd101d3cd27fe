package account

import (
	"fmt"
	"slices"
)

// Actor is the party on whose behalf something is done: the provider, or users of an account.
type Actor struct {
	Account  string // "" for the provider
	Reseller bool   // the account is a reseller: it is the provider of the accounts below it
}

// Provider reports whether the actor is the provider.
func (a Actor) Provider() bool { return a.Account == "" }

// String returns the name of the actor.
func (a Actor) String() string {
	if a.Provider() {
		return "the provider"
	}
	return "account " + a.Account
}

// Within checks that an account is in the actor's subtree. path lists the accounts from this one up to its root.
func (a Actor) Within(path []string) error {
	if a.Provider() || slices.Contains(path, a.Account) {
		return nil
	}
	of := "an account"
	if len(path) > 0 {
		of = "account " + path[0]
	}
	return fmt.Errorf("account %s may see and change only itself and the accounts below it; %s is not one of them", a.Account, of)
}

// Provides reports whether the actor is the provider of an account, or a reseller above it.
func (a Actor) Provides(path []string) bool {
	return a.Provider() || a.Reseller && len(path) > 0 && slices.Contains(path[1:], a.Account)
}
