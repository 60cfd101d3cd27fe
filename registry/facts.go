package registry

import (
	"time"

	"ratemill/udr"
)

// Revision counts the change sets of the registry: "as of revision r" sees what change sets 1 to r said.
type Revision uint64

// Always is the beginning of what has no stated beginning.
const Always udr.Instant = 0

// Company is somebody who owns accounts.
type Company struct {
	ID   string
	Name string
	Kind CompanyKind
}

// CompanyKind is a company's part in the business.
type CompanyKind uint8

// The kinds of companies.
const (
	Customer CompanyKind = iota
	Reseller
	Operator
)

var companyKinds = [...]string{"customer", "reseller", "operator"}

// String is the kind as import files write it.
func (k CompanyKind) String() string { return companyKinds[k] }

// ParseCompanyKind reads what String writes.
func ParseCompanyKind(text string) (CompanyKind, bool) {
	for i, name := range companyKinds {
		if name == text {
			return CompanyKind(i), true
		}
	}
	return 0, false
}

// State says what a fact does to what it is about.
type State uint8

const (
	Holds     State = iota // from then on it is as the fact says
	Ended                  // from then on there is nothing: the SIM has no owner, the identifier names no SIM
	Withdrawn              // the fact with this beginning was a mistake: as if it had never been said
	AfterEnd               // Holds, and what held before was said to end at this very time: where this is withdrawn, nothing holds
)

// begins says that something holds from the fact's time on, ends that what held before was said to end there.
func (s State) begins() bool { return s == Holds || s == AfterEnd }
func (s State) ends() bool   { return s == Ended || s == AfterEnd }

// stateOf is the state of a time at which something begins, or something before ends, or both.
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

// AccountFact says what an account is from a time on.
type AccountFact struct {
	Number     uint32 // dense from 1, never reused
	ID         string // never changes
	From       udr.Instant
	State      State // Holds or Withdrawn; an account does not end
	Company    string
	Parent     uint32 // 0 for a billing root
	Currency   string // ISO 4217
	Zone       string // IANA
	CycleDay   int    // 1 to 31; in shorter months the last day
	Plan       string
	SharePlans []string
	Limits     []string
	Partition  int // of a billing root; NoPartition for the others
}

// NoPartition is the partition of an account that is not a billing root.
const NoPartition = -1

// OwnershipFact says who owns a SIM and on which plan it is from a time on.
type OwnershipFact struct {
	SIM     uint32 // dense from 1, never reused
	From    udr.Instant
	State   State
	Account uint32
	Plan    string
}

// IdentifierFact says which SIM an identifier names from a time on. At any time an identifier names one SIM at most; a
// SIM may have several of a kind.
type IdentifierFact struct {
	Identifier udr.Identifier
	From       udr.Instant
	State      State
	SIM        uint32
}

// Changes is a change set: the facts that become known with a revision.
type Changes struct {
	Revision    Revision
	Companies   []Company
	Accounts    []AccountFact
	SIMs        []OwnershipFact
	Identifiers []IdentifierFact
}

// Empty says that the change set changes nothing.
func (c *Changes) Empty() bool {
	return len(c.Companies)+len(c.Accounts)+len(c.SIMs)+len(c.Identifiers) == 0
}

// Account is what an account is at a time. It never changes; who holds one may keep it.
type Account struct {
	Number     uint32
	ID         string
	Company    string
	Parent     uint32 // 0 for a billing root
	Root       uint32 // the top account of the hierarchy, itself for a billing root
	Level      int    // 0 for a billing root, 1 for its children, …
	Currency   string // ISO 4217
	Zone       *time.Location
	CycleDay   int      // 1 to 31; in shorter months the last day
	CyclesFrom int32    // the date on which the first cycle with this day and zone begins, 0 for always: see CycleOf
	Plan       string   // what the account pays its parent for the SIMs below it; empty = not rated at this tier
	SharePlans []string // pools, in the order in which they are drawn
	Limits     []string
	Partition  int // where the root's usage goes, whether this account is the root or not
	Since      udr.Instant
}

// Ownership is who owns a SIM at a time, and on which plan it is.
type Ownership struct {
	Account uint32
	Plan    uint32 // View.PlanName has its name; 0 is no plan
	Since   udr.Instant
}
