package account

import (
	"context"
	"slices"
	"sync"
	"time"

	"ratemill/registry"
	"ratemill/udr"
)

// Directory finds the payer of an account from the facts in the control store. It holds accounts and their
// statements, but no SIMs. It is safe for concurrent use.
type Directory struct {
	// Load brings accounts and statements up to the newest revision, and returns that revision.
	load func(context.Context, *registry.Registry, *registry.Statements) (registry.Revision, error)
	in   *Installation
	now  func() time.Time

	mu         sync.Mutex
	registry   *registry.Registry
	statements *registry.Statements
	revision   registry.Revision
	asked      time.Time
	tracked    map[string]bool // accounts that ever had a credit limit
}

// NewDirectory returns an empty directory. load updates accounts and statements in memory to the newest revision,
// and returns that revision.
func NewDirectory(load func(context.Context, *registry.Registry, *registry.Statements) (registry.Revision, error), in *Installation,
	now func() time.Time) *Directory {
	return &Directory{load: load, in: in, now: now, registry: registry.New(), statements: registry.NewStatements(StatementKinds...),
		tracked: map[string]bool{}}
}

// newest reads the facts again, even if followEvery has not passed.
func (d *Directory) newest(ctx context.Context) error {
	d.mu.Lock()
	d.asked = time.Time{}
	d.mu.Unlock()
	_, err := d.Follow(ctx)
	return err
}

// ask runs a lookup on the known accounts.
func (d *Directory) ask(do func(b *Book)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	b, end := d.book()
	defer end()
	do(b)
}

// followEvery is the shortest time between two queries for newer facts.
const followEvery = time.Second

// Follow implements Payers.
func (d *Directory) Follow(ctx context.Context) (generation uint64, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	if since := now.Sub(d.asked); d.asked.IsZero() || since < 0 || since >= followEvery {
		before := d.revision
		if d.revision, err = d.load(ctx, d.registry, d.statements); err != nil {
			return 0, err
		}
		d.asked = now
		if d.revision != before {
			d.findTracked()
		}
	}
	return uint64(d.revision), nil
}

func (d *Directory) findTracked() {
	for account := range d.statements.Subjects(registry.KindProfile) {
		for _, s := range d.statements.Told(registry.KindProfile, account) {
			if p, err := ReadStored[Profile](account, s.Value); err == nil && p.CreditLimit != nil {
				d.tracked[account] = true
			}
		}
	}
}

// book returns the known accounts. The caller must end it.
func (d *Directory) book() (b *Book, end func()) {
	view := d.registry.View()
	return NewBook(view, d.statements, d.in), view.Close
}

// Tracks implements Payers.
func (d *Directory) Tracks() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.tracked) > 0
}

// Payer implements Payers.
func (d *Directory) Payer(account uint32, cycle int32) (payer uint32, tracked bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	b, end := d.book()
	defer end()
	id, ok := b.View.AccountID(account)
	if !ok {
		return account, false
	}
	h := b.History(id)
	if h == nil {
		return account, false
	}
	when := udr.InstantOf(Date(cycle).UTC())
	if a := b.Account(id, max(when, h.From)); a != nil {
		when = registry.Midnight(a.Zone, cycle)
	}
	paying := b.Payer(id, max(when, h.From))
	payer, _ = b.View.AccountNumber(paying)
	return payer, d.tracked[paying]
}

// Pays implements Payers.
func (d *Directory) Pays(payer uint32) (accounts []uint32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	b, end := d.book()
	defer end()
	accounts = []uint32{payer}
	for i := 0; i < len(accounts); i++ {
		for _, child := range b.View.EverBelow(accounts[i]) {
			if !slices.Contains(accounts, child) {
				accounts = append(accounts, child)
			}
		}
	}
	return accounts
}

// Limit implements Payers.
func (d *Directory) Limit(payer uint32) *Limit {
	d.mu.Lock()
	defer d.mu.Unlock()
	b, end := d.book()
	defer end()
	id, ok := b.View.AccountID(payer)
	if !ok {
		return nil
	}
	return b.Limit(id, udr.InstantOf(d.now()))
}

// Limit returns the credit limit of a payer at a time, nil if it has none. It uses the newest version of the
// policy.
func (b *Book) Limit(payer string, when udr.Instant) *Limit {
	p, a := b.Profile(payer, when), b.Account(payer, when)
	if p == nil || p.CreditLimit == nil || a == nil {
		return nil
	}
	l := &Limit{Amount: *p.CreditLimit, Currency: a.Currency}
	documents := b.In.Documents
	if documents == nil {
		documents, _ = DocumentsOf(nil)
	}
	if policy := documents.Credit(p.CreditPolicy); policy != nil {
		l.Thresholds = policy.Thresholds
	}
	return l
}
