package invoicing

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"ratemill/decimal"
	"ratemill/internal/store"
	"ratemill/invoicing/document"
	"ratemill/registry"
)

// BalanceLine identifies a line of the invoice balance by the two sides that it compares.
type BalanceLine struct{ ID, Name, Left, Right string }

// BalanceLines lists the lines of the invoice balance in order.
var BalanceLines = []BalanceLine{
	{"B1", "usage", "charges in the warehouse, up to the cut of the payer's last close", "usage on final documents and in open closes"},
	{"B2", "recurring", "what is due by the facts of the last close, computed anew",
		"recurring items, add-ons and fees of share plans on final documents and in open closes"},
	{"B3", "one-time", "transitions, activations and one-off charges that hold, computed anew",
		"their items on final documents and in open closes"},
	{"B4", "contracts", "commitments and penalties by the facts and usage of the last close, computed anew",
		"their items on final documents and in open closes"},
	{"B5", "lines", "items of the closes on each document", "amounts of its lines, and what rounding removed"},
	{"B6", "documents", "nets of lines and taxes of groups", "totals"},
	{"B7", "numbers", "numbers that the ranges have given", "documents that have them, without a hole, dates ascending"},
	{"B8", "SIM-days", "days on which SIMs were in a priced state, counted one by one", "days of recurring items, over all payers"},
	{"B9", "payers", "charges of each tier in the warehouse", "those of accounts that have a payer"},
	{"B10", "exposure", "documents less payments and credit notes, open items, less usage on documents",
		"what the balance of the account has"},
}

// BalanceSum is one line in one currency; Currency is empty if the line is a count.
type BalanceSum struct {
	Line, Currency string
	Left, Right    decimal.D
	Off            int // number of places where the two sides differ
}

// Difference is Left less Right.
func (s *BalanceSum) Difference() decimal.D {
	d, _ := s.Left.Sub(s.Right)
	return d
}

// Place is a place where the two sides of a line differ.
type Place struct {
	Line     string
	Number   uint32 // payer number; 0 for no payer
	Payer    string
	Cycle    Date // 0 for all
	Currency string
	What     string // the document, part, account or number concerned
	Left     decimal.D
	Right    decimal.D
}

// Difference is Left less Right.
func (p *Place) Difference() decimal.D {
	d, _ := p.Left.Sub(p.Right)
	return d
}

// PayerBalance is the balance of a payer.
type PayerBalance struct {
	Number uint32
	Payer  string
	Facts  registry.Revision // facts revision of the payer's last close
	Cut    document.Cut
	Until  Date // start date of the first cycle that is not compared
	Sums   []BalanceSum
	Off    []Place
	Notes  []string // charges that belong to no payer; only in the balance of all payers together
}

// Owed is the part of a payer's documents and payments in the account balance.
type Owed struct {
	Payer                   uint32
	Currency                string
	Billed, Documents, Paid decimal.D
	Broken                  error // why one of the payer's rows cannot be read; its amounts are then 0
}

// Balancer compares due amounts with invoiced amounts.
type Balancer struct {
	DB       *store.DB
	Basis    *Basis // Basis.Facts, Cut and Catalogue are not used
	From, To Date   // cycles that begin between these dates, inclusive
	Kept     Date   // first cycle whose usage is compared, as in Verifier
	// Owed returns the amounts that accounts owe, in the transaction that reads their documents. If it is nil,
	// line B10 is omitted.
	Owed func(ctx context.Context, tx *store.Tx, payers []uint32) ([]Owed, error)
}

// Balance compares payers, nil for all, and returns each payer's balance in the order of their numbers. The result
// also has the sums over all payers, and the places that belong to no payer.
func (b *Balancer) Balance(ctx context.Context, payers []uint32, each func(*PayerBalance) error) (all *PayerBalance, err error) {
	w := &balancing{Balancer: b, engines: b.Basis.engines(), all: newCells(0, "")}
	everybody := payers == nil
	if everybody {
		if payers, err = w.closed(ctx); err != nil {
			return nil, err
		}
	}
	for some := range slices.Chunk(payers, together) {
		if err := w.some(ctx, some, each); err != nil {
			return nil, err
		}
	}
	if everybody {
		if err := w.ownerless(ctx); err != nil {
			return nil, err
		}
		if err := w.numbers(ctx); err != nil {
			return nil, err
		}
		if err := w.tiers(ctx, payers); err != nil {
			return nil, err
		}
	}
	all = &PayerBalance{Facts: w.facts, Cut: w.cut, Notes: w.notes}
	return all, w.all.into(all)
}

// closed returns the payers that have a close.
func (b *Balancer) closed(ctx context.Context) (payers []uint32, err error) {
	err = b.DB.Change(ctx, "listing payers", func(tx *store.Tx) error {
		rows, err := tx.Rows(ctx, `SELECT DISTINCT payer_number FROM invoice_closes UNION SELECT DISTINCT payer_number FROM invoice_documents
			ORDER BY payer_number`)
		if err != nil {
			return err
		}
		defer rows.Close()
		payers = nil
		for rows.Next() {
			var n store.Integer
			if err := rows.Scan(&n); err != nil {
				return err
			}
			if n.Err == nil { // otherwise ownerless reports the row as a difference
				payers = append(payers, uint32(n.N))
			}
		}
		return rows.Err()
	})
	return payers, err
}

// ownerless reports rows whose payer is not a number, which SQLite orders after all numbers.
func (w *balancing) ownerless(ctx context.Context) error {
	var documents []*Stored
	var closes []*Closed
	err := w.DB.Change(ctx, "reading rows of no payer", func(tx *store.Tx) (err error) {
		const where = `payer_number > 9223372036854775807`
		if documents, err = (Table{tx}).stored(ctx, where); err == nil {
			closes, err = Table{tx}.closes(ctx, "items", where)
		}
		return err
	})
	for _, s := range documents {
		w.all.both("B6", s.Cycle.From, "", s.Broken.Error(), decimal.FromInt(1), decimal.Zero)
	}
	for _, c := range closes {
		w.all.both("B5", c.Cycle.From, "", c.Broken.Error(), decimal.FromInt(1), decimal.Zero)
	}
	return err
}

// cell is one place at which two sides are compared.
type cell struct {
	line     string
	cycle    Date
	currency string
	what     string
}

// cells holds both sides of all lines of a payer.
type cells struct {
	number uint32
	payer  string
	sides  map[cell]*[2]decimalSum
	silent map[cell]bool // excluded from the sums, because another cell already contains the amount
	sums   map[[2]string]*BalanceSum
	off    []Place
}

func newCells(number uint32, payer string) *cells {
	return &cells{number: number, payer: payer, sides: map[cell]*[2]decimalSum{}, silent: map[cell]bool{},
		sums: map[[2]string]*BalanceSum{}}
}

const (
	left  = 0
	right = 1
)

func (c *cells) add(side int, line string, cycle Date, currency, what string, amount decimal.D) {
	k := cell{line, cycle, currency, what}
	s := c.sides[k]
	if s == nil {
		s = &[2]decimalSum{}
		c.sides[k] = s
	}
	s[side].add(amount)
}

// both compares two amounts that the sums already contain through another cell.
func (c *cells) both(line string, cycle Date, currency, what string, is, should decimal.D) {
	c.silent[cell{line, cycle, currency, what}] = true
	c.add(left, line, cycle, currency, what, is)
	c.add(right, line, cycle, currency, what, should)
}

// into converts the cells and the earlier values into sums and places.
func (c *cells) into(b *PayerBalance) error {
	for k, s := range c.sides {
		for _, side := range s {
			if side.Err != nil {
				return side.Err
			}
		}
		sum := c.sum(k.line, k.currency)
		var err error
		if !c.silent[k] {
			if sum.Left, err = sum.Left.Add(s[left].Sum); err != nil {
				return err
			}
			if sum.Right, err = sum.Right.Add(s[right].Sum); err != nil {
				return err
			}
		}
		if s[left].Sum != s[right].Sum {
			sum.Off++
			c.off = append(c.off, Place{k.line, c.number, c.payer, k.cycle, k.currency, k.what, s[left].Sum, s[right].Sum})
		}
	}
	clear(c.sides)
	for _, s := range c.sums {
		b.Sums = append(b.Sums, *s)
	}
	slices.SortFunc(b.Sums, func(x, y BalanceSum) int {
		return cmp.Or(lineOrder(x.Line, y.Line), cmp.Compare(x.Currency, y.Currency))
	})
	b.Off = c.off
	slices.SortFunc(b.Off, func(x, y Place) int {
		return cmp.Or(lineOrder(x.Line, y.Line), cmp.Compare(x.Number, y.Number), cmp.Compare(x.Cycle, y.Cycle), cmp.Compare(x.What,
			y.What))
	})
	return nil
}

func (c *cells) sum(line, currency string) *BalanceSum {
	key := [2]string{line, currency}
	if c.sums[key] == nil {
		c.sums[key] = &BalanceSum{Line: line, Currency: currency}
	}
	return c.sums[key]
}

// include adds the balance of a payer to the balance of all payers.
func (c *cells) include(b *PayerBalance) (err error) {
	for _, s := range b.Sums {
		sum := c.sum(s.Line, s.Currency)
		sum.Off += s.Off
		if sum.Left, err = sum.Left.Add(s.Left); err != nil {
			return err
		}
		if sum.Right, err = sum.Right.Add(s.Right); err != nil {
			return err
		}
	}
	c.off = append(c.off, b.Off...)
	return nil
}

func lineOrder(a, b string) int {
	place := func(id string) int {
		return slices.IndexFunc(BalanceLines, func(l BalanceLine) bool { return l.ID == id })
	}
	return cmp.Compare(place(a), place(b))
}

// lineOf returns the line of the balance for items of a kind.
func lineOf(k document.Kind) string {
	switch k {
	case document.Usage:
		return "B1"
	case document.Recurring, document.Addon, document.PoolFee:
		return "B2"
	case document.Commitment, document.Penalty:
		return "B4"
	}
	return "B3"
}

// balancing computes the balances of a group of payers at a time.
type balancing struct {
	*Balancer
	*engines
	all   *cells
	facts registry.Revision // newest revision of all closes
	cut   document.Cut
	notes []string

	closes    map[uint32][]*Closed
	documents map[uint32][]*Stored
	owed      map[uint32][]Owed
}

func (w *balancing) some(ctx context.Context, payers []uint32, each func(*PayerBalance) error) error {
	if err := w.read(ctx, payers); err != nil {
		return err
	}
	uses, err := w.usages(ctx, payers)
	if err != nil {
		return err
	}
	for _, number := range payers {
		b, err := w.payer(ctx, number, uses)
		if err != nil {
			return err
		}
		if err := w.all.include(b); err != nil {
			return err
		}
		if each != nil {
			if err := each(b); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *balancing) read(ctx context.Context, payers []uint32) error {
	w.closes, w.documents, w.owed = map[uint32][]*Closed{}, map[uint32][]*Stored{}, map[uint32][]Owed{}
	return w.DB.Change(ctx, "reading documents", func(tx *store.Tx) error {
		t := Table{tx}
		where, args := in("payer_number", payers)
		closes, err := t.closes(ctx, "items", where, args...)
		if err != nil {
			return err
		}
		for _, c := range closes {
			if c.Facts != 0 || c.Broken != nil { // the payer could be computed
				w.closes[c.PayerNumber] = append(w.closes[c.PayerNumber], c)
			}
		}
		documents, err := t.stored(ctx, `state = 'final' AND `+where, args...)
		if err != nil {
			return err
		}
		for _, s := range documents {
			w.documents[s.PayerNumber] = append(w.documents[s.PayerNumber], s)
		}
		if w.Owed == nil {
			return nil
		}
		owed, err := w.Owed(ctx, tx, payers)
		for _, o := range owed {
			w.owed[o.Payer] = append(w.owed[o.Payer], o)
		}
		return err
	})
}

func (w *balancing) last(payer uint32) *Closed {
	if all := w.closes[payer]; len(all) > 0 {
		return all[len(all)-1]
	}
	return nil
}

// usages reads the usage of payers, with one query for all payers whose last closes have the same facts.
func (w *balancing) usages(ctx context.Context, payers []uint32) (map[registry.Revision]*usage, error) {
	groups := map[registry.Revision][]*Closed{}
	for _, number := range payers {
		c := w.last(number)
		if c == nil {
			continue
		}
		if w.facts = max(w.facts, c.Facts); len(w.broken(number)) == 0 {
			groups[c.Facts] = append(groups[c.Facts], c)
		}
	}
	uses := map[registry.Revision]*usage{}
	for facts, closes := range groups {
		b := *w.Basis
		b.Facts = facts
		accounts, cuts := map[uint32]bool{}, closes
		for _, c := range closes {
			accounts[c.PayerNumber] = true
			if former := lastIn(w.closes[c.PayerNumber]); len(former) > 1 {
				cuts = slices.AppendSeq(slices.Clip(cuts), maps.Values(former))
			}
			if compareCuts(c.Cut, b.Cut) > 0 || len(b.Cut.Offsets) == 0 {
				b.Cut = c.Cut
			}
			if compareCuts(c.Cut, w.cut) > 0 || len(w.cut.Offsets) == 0 {
				w.cut = c.Cut
			}
		}
		b.View.Below(accounts)
		u, err := b.ask(ctx, &asking{closes: cuts, from: max(w.From, w.Kept), to: w.To, accounts: slices.Sorted(maps.Keys(accounts))})
		if wrong := (*cutError)(nil); errors.As(err, &wrong) {
			u = nil // the cut of a close was altered
		} else if err != nil {
			return nil, err
		}
		uses[facts] = u
	}
	return uses, nil
}
