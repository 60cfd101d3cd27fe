package invoicing

import (
	"context"
	"fmt"
	"time"

	"ratemill/decimal"
	"ratemill/invoicing/contract"
	"ratemill/invoicing/document"
	"ratemill/invoicing/product"
	"ratemill/invoicing/terms"
	"ratemill/registry"
	"ratemill/udr"
)

// Basis holds the inputs for closes and documents. A bill run takes it once, for all payers; usage and balances are read for some of them
// at a time.
type Basis struct {
	View       *registry.View
	Statements *registry.Statements
	Cause      func(sim uint32, f registry.KnownState) string // returns the cause of a state fact; see product.Facts
	Facts      registry.Revision
	Cut        document.Cut
	Catalogue  string // version that prices items billed for the first time

	// Prices is a version of the catalogue.
	Prices func(version string) (*Prices, error)
	// Usage returns the sums of charges before, between and after cuts.
	Usage func(context.Context, UsageQuestion, func(*Charged) error) error
	// Balances hands over the running balances at the cut of accounts. Nil: no comparison.
	Balances func(accounts []uint32, each func(AccountCycle, *Balance) error) error
	// Payer returns what documents need to know about a payer and its seller at a time.
	Payer func(account string, at udr.Instant) (*Payer, error)
	// Doubts returns reasons to hold a payer's document, in addition to those that its computation finds.
	Doubts func(ctx context.Context, payer uint32, cycle document.Period, g *terms.Group) ([]string, error)
	// Findings are doubts that do not concern a single payer.
	Findings func(ctx context.Context) ([]string, error)

	Begin Date // documents are made for cycles that end after this date; 0: from the beginning of each account
	Now   time.Time
}

// Date is a local date in the payer's time zone.
type Date = document.Date

// Prices holds the parts of a catalogue version that affect money.
type Prices struct {
	Version   string
	Products  *product.Documents
	Contracts *contract.Documents
	Terms     *terms.Documents
	// PlanFrom returns the date from which a version of a plan is in force.
	PlanFrom func(plan string, version uint32) Date
}

// Payer holds the payer and the seller as documents show them.
type Payer struct {
	Party    document.Party
	Seller   document.Party
	Terms    document.Terms
	Profiled bool     // the payer has a billing profile
	Lacks    []string // missing values that a document needs
	Closed   bool     // the account is terminated: this document is its last
}

// UsageQuestion is a query for the sums of accounts' charges in the cycles that begin between two dates,
// inclusive.
type UsageQuestion struct {
	Until    document.Cut
	Cuts     []document.Cut // cuts of earlier closes, oldest first
	From, To Date
	Late     bool     // also return the charges of earlier cycles after the first of Cuts
	Accounts []uint32 // nil for all
}

// Charged is the sum of an account's charges that have equal values in all columns of a line.
type Charged struct {
	Account     uint32
	Tier        uint8
	Class       string
	Unit        udr.Unit
	Plan        string
	PlanVersion uint32
	Zone        string
	Tariff      string // name of the price in the plan
	Currency    string
	Cycle       Date
	Since       int // how many of the query's cuts are before these charges
	Records     int64
	Quantity    int64
	Amount      decimal.D
}

// AccountCycle is a billing cycle of an account, by its first date.
type AccountCycle struct {
	Account uint32
	Cycle   Date
}

// Balance is the charge of an account in a cycle for a class of usage, from the running balances.
type Balance struct {
	Tier     uint8
	Class    string
	Unit     udr.Unit
	Currency string
	Records  int64
	Quantity int64
	Amount   decimal.D
}

// decimalSum adds up amounts. It remembers the first overflow.
type decimalSum struct {
	Sum decimal.D
	Err error
}

func (s *decimalSum) add(d decimal.D) {
	sum, err := s.Sum.Add(d)
	if err != nil && s.Err == nil {
		s.Err = err
	}
	s.Sum = sum
}

// cycleOf returns the billing cycle of an account that contains a date.
func (b *Basis) cycleOf(account uint32, date Date) (document.Period, *registry.Account, error) {
	a, err := b.accountOn(account, date)
	if err != nil {
		return document.Period{}, nil, err
	}
	first, next := a.CycleOf(int32(date))
	return document.Period{From: Date(first), To: Date(next)}, a, nil
}

// accountOn returns the state of an account on a date. Before the account begins, it returns the account's
// first state.
func (b *Basis) accountOn(account uint32, date Date) (*registry.Account, error) {
	noon := udr.InstantOf(date.UTC().Add(12 * time.Hour))
	a, ok := b.View.Account(account, noon, b.Facts)
	if ok {
		if exact, there := b.View.Account(account, registry.Midnight(a.Zone, int32(date)), b.Facts); there {
			return exact, nil
		}
		return a, nil
	}
	if since, a := b.beginning(account); a != nil && since > noon {
		return a, nil
	}
	id, _ := b.View.AccountID(account)
	return nil, fmt.Errorf("account %s does not exist on %s", id, date)
}

// beginning returns the time at which an account begins, and its first state.
func (b *Basis) beginning(account uint32) (udr.Instant, *registry.Account) {
	for at, more := registry.Always, true; more; at, more = b.View.AccountUntil(account, at, b.Facts) {
		if a, ok := b.View.Account(account, at, b.Facts); ok {
			return at, a
		}
	}
	return 0, nil
}

// first returns the local date on which an account begins, 0 if the account has always existed.
func (b *Basis) first(account uint32) Date {
	since, a := b.beginning(account)
	if a == nil || since == registry.Always {
		return 0
	}
	return Date(registry.LocalDate(a.Zone, since))
}

// payerOf returns the payer of an account in a cycle.
func (b *Basis) payerOf(account uint32, cycle Date) uint32 {
	a, err := b.accountOn(account, cycle)
	if err != nil {
		return 0
	}
	at := registry.Midnight(a.Zone, int32(cycle))
	if since, _ := b.beginning(account); since > at {
		at = since
	}
	return registry.Payer(b.View, b.Statements, account, at, b.Facts)
}
