package registry

import (
	"time"

	"ratemill/udr"
)

// Revision is the number of change sets in the registry: revision r contains the change sets 1 to r.
type Revision uint64

// Always is the beginning of a fact without a start date.
const Always udr.Instant = 0

// Company is an owner of accounts.
type Company struct {
	ID   string
	Name string
	Kind CompanyKind

	Cause uint32 // index in Changes.Causes, from 1; 0 for none
}

// CompanyKind is a company's role in the business.
type CompanyKind uint8

// The kinds of companies.
const (
	Customer CompanyKind = iota
	Reseller
	Operator
)

var companyKinds = [...]string{"customer", "reseller", "operator"}

// String returns the kind as import files contain it.
func (k CompanyKind) String() string { return companyKinds[k] }

// ParseCompanyKind parses the output of String.
func ParseCompanyKind(text string) (CompanyKind, bool) {
	for i, name := range companyKinds {
		if name == text {
			return CompanyKind(i), true
		}
	}
	return 0, false
}

// State is the effect that a fact has on its subject.
type State uint8

const (
	Holds     State = iota // the fact is valid from its time on
	Ended                  // from this time on, nothing is valid: the SIM has no owner, or the identifier refers to no SIM
	Withdrawn              // the fact with this beginning was a mistake and counts as never stated
	AfterEnd               // like Holds, but the fact before was stated to end at this time: if this fact is withdrawn, nothing is valid
)

// begins reports whether something is valid from the fact's time on; ends reports whether the fact before was stated
// to end there.
func (s State) begins() bool { return s == Holds || s == AfterEnd }
func (s State) ends() bool   { return s == Ended || s == AfterEnd }

// stateOf returns the State of a fact for a time at which a fact begins, an earlier fact ends, or both.
func stateOf(begins, ends bool) State {
	switch {
	case begins && ends:
		return AfterEnd
	case begins:
		return Holds
	case ends:
		return Ended
	}
	return Withdrawn
}

// AccountFact is the state of an account from a time on.
type AccountFact struct {
	Number     uint32 // assigned in sequence from 1, never reused
	ID         string // never changes
	From       udr.Instant
	State      State // Holds or Withdrawn; an account does not end
	Company    string
	Project    string
	Kind       AccountKind
	Parent     uint32 // 0 for a billing root
	Currency   string // ISO 4217; "" in an account with a parent: the parent's currency
	Zone       string // IANA name; "" in an account with a parent: the parent's zone
	CycleDay   int    // 1 to 31, in shorter months the last day; 0 in an account with a parent: the parent's cycle day
	Plan       string
	SharePlans []string
	Limits     []string
	Partition  int    // partition of a billing root; NoPartition for other accounts
	Cause      uint32 // index in Changes.Causes, from 1; 0 for none
}

// AccountKind is the role of an account and decides what it may do.
type AccountKind uint8

// The kinds of accounts.
const (
	StandardAccount AccountKind = iota
	ResellerAccount             // it has customers, plans, products and its own invoices
)

var accountKinds = [...]string{"standard", "reseller"}

// String returns the kind as import files contain it.
func (k AccountKind) String() string { return accountKinds[k] }

// ParseAccountKind parses the output of String.
func ParseAccountKind(text string) (AccountKind, bool) {
	for i, name := range accountKinds {
		if name == text {
			return AccountKind(i), true
		}
	}
	return 0, false
}

// NoPartition is the partition of an account that is not a billing root.
const NoPartition = -1

// OwnershipFact is the owner and the plan of a SIM from a time on.
type OwnershipFact struct {
	SIM     uint32 // assigned in sequence from 1, never reused
	From    udr.Instant
	State   State
	Account uint32
	Plan    string
	Cause   uint32 // index in Changes.Causes, from 1; 0 for none
}

// IdentifierFact is the SIM to which an identifier refers from a time on. At any time, an identifier refers to at
// most one SIM; a SIM may have several identifiers of a kind.
type IdentifierFact struct {
	Identifier udr.Identifier
	From       udr.Instant
	State      State
	SIM        uint32
	Cause      uint32 // index in Changes.Causes, from 1; 0 for none
}

// Changes is a change set: the facts that become known with a revision.
type Changes struct {
	Revision    Revision
	Companies   []Company
	Accounts    []AccountFact
	SIMs        []OwnershipFact
	Identifiers []IdentifierFact
	States      []StateFact
	Statements  []Statement // statements; a Registry keeps only the values that rating needs
	Causes      []Cause
}

// Empty reports whether the change set changes nothing. A new cause is a change, even if it caused no fact.
func (c *Changes) Empty() bool { return c.Facts()+len(c.Causes) == 0 }

// Facts returns the number of facts.
func (c *Changes) Facts() int {
	return len(c.Companies) + len(c.Accounts) + len(c.SIMs) + len(c.Identifiers) + len(c.States) + len(c.Statements)
}

// Account is the state of an account at a time. It never changes; callers may keep it.
type Account struct {
	Number     uint32
	ID         string
	Company    string
	Project    string
	Kind       AccountKind
	Parent     uint32 // 0 for a billing root
	Root       uint32 // the top account of the hierarchy; the account itself if it is a billing root
	Level      int    // 0 for a billing root, 1 for its children, …
	Currency   string // ISO 4217
	Zone       *time.Location
	CycleDay   int      // 1 to 31; in shorter months the last day
	CyclesFrom int32    // first date of the first cycle with this day and zone, 0 for always; see CycleOf
	Plan       string   // plan by which the account pays its parent for the SIMs below it; empty: its usage is not rated at this tier
	SharePlans []string // pools, in the order in which usage draws on them
	Limits     []string
	Partition  int // partition of the usage of the account's root
	Since      udr.Instant
}

// Ownership is the owner and the plan of a SIM at a time.
type Ownership struct {
	Account uint32
	Plan    uint32 // number of the plan's name, for View.PlanName; 0 if there is no plan
	Since   udr.Instant
}
