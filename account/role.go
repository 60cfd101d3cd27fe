package account

import (
	"time"

	"ratemill/internal/consumer"
	"ratemill/internal/metric"
	"ratemill/internal/store"
	"ratemill/udr"
)

// Consumer is the name of the role.
const Consumer = "account"

// Role adds partitions of the rated log to the balances of accounts.
var Role = consumer.Role{
	Name: Consumer, Title: "account: balances", Migrate: Migrate,
	Effects: effects,
	Linger:  300 * time.Millisecond, // balances must be up to date seconds after a record is rated
	Done:    "in the balances", Gone: "the balances lack the charges of these messages; see docs/runbooks/balances-of-accounts.md",
	Metrics: metrics, Rows: charges, Blocks: blocks, Position: position, Lag: lag,
}

// effects share one directory of accounts.
func effects(g consumer.Given) func() consumer.Effect[*store.Tx] {
	payers, statuses := CreditOfRole(g)
	now := func() udr.Instant { return udr.InstantOf(g.StoreNow()) }
	return func() consumer.Effect[*store.Tx] {
		return NewEffect(Table{}).Keep(Table{}, payers).Suspend(statuses).Count(Table{}, now)
	}
}

// CreditOfRole returns the payers of an installation, and the component that changes their statuses.
func CreditOfRole(g consumer.Given) (*Directory, *CreditStatus) {
	in := &Installation{} // credit needs only the documents
	in.Documents, _ = DocumentsOf(g.Catalogue)
	payers := NewDirectory(g.Accounts, in, g.Now)
	return payers, &CreditStatus{Payers: payers, Write: g.Facts(Consumer).Write, Now: g.StoreNow, Log: g.Log}
}

var metrics = metric.Of("Accounts", "For the role account: one series for each partition that this process owns.")

var (
	charges  = metrics.Counter("account_charges_total", "Charges added to balances of accounts.", "partition")
	blocks   = metrics.Counter("account_blocks_total", "Blocks of charges added, each in one transaction.", "partition")
	position = metrics.Gauge("account_position", "Offset of the rated log to be added next.", "partition")
	lag      = metrics.Gauge("account_lag_batches", "Batches of the rated log waiting to be added to the balances of accounts.", "partition")
)
