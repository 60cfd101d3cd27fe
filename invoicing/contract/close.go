package contract

import (
	"fmt"
	"slices"
	"time"

	"ratemill/invoicing/document"
	"ratemill/registry"
	"ratemill/udr"
)

const noon = 12 * time.Hour

// Facts holds the known facts about accounts and contracts. Close the view when you no longer need the engine.
type Facts struct {
	View       *registry.View
	Statements *registry.Statements
}

// Catalogue returns the catalogue with which a cycle of a payer was first billed, or the present catalogue if
// the cycle has not been billed yet. The same catalogue must always give the same pointer.
type Catalogue func(payer string, cycle Date) (*Documents, error)

// Engine computes what payers owe by their contracts. Use an engine in one goroutine only.
type Engine struct {
	facts     Facts
	catalogue Catalogue
	signed    map[uint32][]string // sorted ids of all contracts ever stated for an account
	joining   int                 // nesting depth of contracts that end together with others
}

// New returns an engine. It reads all contracts once.
func New(f Facts, c Catalogue) *Engine {
	e := &Engine{facts: f, catalogue: c, signed: map[uint32][]string{}}
	for id := range f.Statements.Subjects(registry.KindContract) {
		for _, s := range f.Statements.Told(registry.KindContract, id) {
			var v struct {
				Account string `json:"account"`
			}
			if decode(s.Value, &v) != nil {
				continue
			}
			number, _ := f.View.AccountNumber(v.Account)
			if ids := e.signed[number]; len(ids) == 0 || ids[len(ids)-1] != id {
				e.signed[number] = append(ids, id)
			}
		}
	}
	return e
}

// Close is the close of a cycle of a payer.
type Close struct {
	Payer uint32
	Cycle Date // any date of the closing cycle
	First Date // any date of the payer's first billed cycle
	// Before and Was are not used for the first cycle.
	Before, Facts registry.Revision
	Was, Now      Counts // Was holds the counts at the previous close, Now the present ones
	// Again means that the cycle is already closed, and this is an off-cycle close. Only corrections
	// made since then are due.
	Again bool
}

// Items returns a close's items of the kinds commitment and penalty. For every closed cycle, an
// item is the amount due by the facts known now, minus the amount due by the facts of the previous close (rule
// R9).
func (e *Engine) Items(c Close) (items []document.Item, err error) {
	id, ok := e.facts.View.AccountID(c.Payer)
	if !ok {
		return nil, fmt.Errorf("account %d does not exist", c.Payer)
	}
	r := &run{Engine: e, Close: c, id: id}
	if r.ids = e.near(c.Payer); len(r.ids) == 0 {
		return nil, nil
	}
	closing, err := e.cycle(c.Payer, c.Facts, c.Cycle)
	if err != nil {
		return nil, err
	}
	first, err := e.cycle(c.Payer, c.Facts, c.First)
	if err != nil {
		return nil, err
	}
	r.begin = first.first
	now, was := r.knowing(c.Facts, c.Now), r.knowing(c.Before, c.Was)
	for at := first.first; at <= closing.first; {
		q, err := e.cycle(c.Payer, c.Facts, at)
		if err != nil {
			return nil, err
		}
		due, err := now.due(q)
		if err != nil {
			return nil, err
		}
		var before []owed
		if q.first < closing.first || c.Again {
			if before, err = was.due(q); err != nil {
				return nil, err
			}
		}
		if items, err = differences(items, due, before); err != nil {
			return nil, err
		}
		at = q.next
	}
	return items, nil
}

// run holds the state of the computation of one close.
type run struct {
	*Engine
	Close
	id    string
	begin Date     // first date of the first billed cycle
	ids   []string // sorted ids of all contracts ever stated for the payer and for accounts that were ever below it
}

// near returns the contracts ever stated for a payer and for accounts that were ever below it.
func (e *Engine) near(payer uint32) (ids []string) {
	if len(e.signed) == 0 {
		return nil
	}
	below := map[uint32]bool{payer: true}
	e.facts.View.Below(below)
	for account := range below {
		ids = append(ids, e.signed[account]...)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func (r *run) knowing(rev registry.Revision, counts Counts) *known {
	return &known{run: r, rev: rev, counts: counts, sums: map[Date][]Sum{}, docs: map[*Documents][]*Contract{}}
}

// differences appends the items for the differences between present and former due amounts.
func differences(items []document.Item, due, before []owed) ([]document.Item, error) {
	give := func(o, was *owed) error {
		i, remains, err := o.minus(was)
		if err == nil && remains {
			items = append(items, i)
		}
		return err
	}
	find := func(list []owed, key owedKey) *owed {
		if i := slices.IndexFunc(list, func(o owed) bool { return o.owedKey == key }); i >= 0 {
			return &list[i]
		}
		return nil
	}
	for i := range before {
		if find(due, before[i].owedKey) == nil {
			if err := give(before[i].nothing(), &before[i]); err != nil {
				return items, err
			}
		}
	}
	for i := range due {
		if err := give(&due[i], find(before, due[i].owedKey)); err != nil {
			return items, err
		}
	}
	return items, nil
}

// Contracts returns the contracts as known at a revision, sorted by id. The errors identify contracts
// that cannot be read.
func (e *Engine) Contracts(rev registry.Revision) (all []*Contract, wrong []error) {
	for id := range e.facts.Statements.Subjects(registry.KindContract) {
		c, _, err := e.contract(id, rev)
		switch {
		case err != nil:
			wrong = append(wrong, err)
		case c != nil:
			all = append(all, c)
		}
	}
	return all, wrong
}

// Contract returns a contract as known at a revision, with the SIMs that it lists; nil if it does not exist.
func (e *Engine) Contract(id string, rev registry.Revision) (*Contract, error) {
	c, _, err := e.contract(id, rev)
	if err == nil && c != nil {
		err = e.resolve(c, rev)
	}
	return c, err
}

// contract returns a contract, with the catalogue of its first day; nil if it does not exist.
func (e *Engine) contract(id string, rev registry.Revision) (*Contract, *Documents, error) {
	for _, s := range e.facts.Statements.Told(registry.KindContract, id) {
		var v Signed
		if s.Known > rev || decode(s.Value, &v) != nil {
			continue
		}
		docs, err := e.catalogue(v.Account, v.Start)
		if err != nil {
			return nil, nil, err
		}
		c, err := e.read(id, rev, docs)
		return c, docs, err
	}
	return nil, nil, nil
}

// accountOn returns the state of an account on a date. Before the account begins, it returns the account's
// first state.
func (e *Engine) accountOn(account uint32, rev registry.Revision, date Date) (*registry.Account, error) {
	a, ok := e.accountAt(account, udr.InstantOf(date.UTC().Add(noon)), rev)
	if !ok {
		id, _ := e.facts.View.AccountID(account)
		return nil, fmt.Errorf("account %s does not exist as of registry revision %d", id, rev)
	}
	if exact, there := e.facts.View.Account(account, registry.Midnight(a.Zone, int32(date)), rev); there {
		return exact, nil
	}
	return a, nil
}

// instant returns the last instant of a date in an account's time zone.
func (e *Engine) instant(account uint32, date Date, rev registry.Revision) udr.Instant {
	zone := time.UTC
	if a, err := e.accountOn(account, rev, date); err == nil {
		zone = a.Zone
	}
	return registry.Midnight(zone, int32(date)+1) - 1
}
