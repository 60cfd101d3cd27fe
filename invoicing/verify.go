package invoicing

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"ratemill/internal/store"
	"ratemill/invoicing/document"
	"ratemill/registry"
)

// Verifier recomputes final documents from the inputs that they refer to: closes with their facts and cuts,
// versions of the catalogue and of the rules, payer and seller as printed. It uses the version of the rules
// with which a document was issued.
type Verifier struct {
	DB    *store.DB
	Basis *Basis // Facts, Cut and Catalogue of the basis are not used
	// Kept is the first date of the cycles whose usage the warehouse is sure to still have; 0 for all. Older
	// usage comes from the stored lines of closes.
	Kept Date
}

// Verified is a recomputed document.
type Verified struct {
	Document *Stored
	// Changed means that the stored text no longer matches the stored hash, because the text was altered after
	// the document became final.
	Changed bool
	// Same means that the computed document has the stored hash. Payer, seller, terms and notes are taken as printed.
	// If one of these was altered, the computed document has another hash, and the original text is lost.
	Same        bool
	Differences []document.Difference
	Notes       []string // values that could not be recomputed and are taken as stored
	Err         error    // why nothing could be computed
}

// OK reports whether the document matches its inputs.
func (v *Verified) OK() bool { return v.Err == nil && !v.Changed && v.Same && len(v.Differences) == 0 }

// Ref identifies a document.
type Ref struct {
	ID    string
	Payer uint32
}

// everFinal selects documents that became final, even if their state or number was altered later.
const everFinal = `(state = 'final' OR number_text <> '' OR hash <> '')`

// Finals lists the final documents of cycles that begin between two dates, inclusive, ordered by payer.
func (t Table) Finals(ctx context.Context, from, to Date) (all []Ref, err error) {
	rows, err := t.Tx.Rows(ctx, `SELECT id, payer_number FROM invoice_documents WHERE `+everFinal+` AND `+between+`
		ORDER BY payer_number, cycle, form, seq`, int64(from), int64(to))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var r Ref
		var payer store.Integer
		if err := rows.Scan(&r.ID, &payer); err != nil {
			return nil, err
		}
		r.Payer = uint32(payer.N)
		all = append(all, r)
	}
	return all, rows.Err()
}

// Verify recomputes final documents. refs must have the documents of a payer together. each is called with the
// results in the same order.
func (v *Verifier) Verify(ctx context.Context, refs []Ref, each func(*Verified) error) error {
	w := &verifying{Verifier: v, engines: v.Basis.engines()}
	for len(refs) > 0 {
		n, payers := 0, map[uint32]bool{}
		for n < len(refs) && (payers[refs[n].Payer] || len(payers) < together) {
			payers[refs[n].Payer] = true
			n++
		}
		if err := w.some(ctx, refs[:n], slices.Sorted(maps.Keys(payers)), each); err != nil {
			return err
		}
		refs = refs[n:]
	}
	return nil
}

// verifying recomputes the documents of some payers.
type verifying struct {
	*Verifier
	*engines

	documents map[string]*Stored
	rows      map[string]documentRow
	closeRows map[closeKey]closeRow
	closes    map[uint32][]*Closed
	again     map[closeKey]*recomputed
}

// recomputed is a recomputed close.
type recomputed struct {
	stored *Closed
	closed *Closed // has the lines that were computed now
	notes  []string
	err    error
}

func (w *verifying) some(ctx context.Context, refs []Ref, payers []uint32, each func(*Verified) error) error {
	if err := w.read(ctx, payers); err != nil {
		return err
	}
	var needed []*Closed
	for _, r := range refs {
		if s := w.documents[r.ID]; s != nil && s.Form != document.CreditNote {
			for i := range s.Input.Closes {
				if n := w.place(keyOf(s, &s.Input.Closes[i])); n >= 0 {
					needed = append(needed, w.closes[s.PayerNumber][n])
				}
			}
		}
	}
	if err := w.compute(ctx, needed); err != nil {
		return err
	}
	for _, r := range refs {
		v := &Verified{Document: &Stored{Document: document.Document{ID: r.ID}, PayerNumber: r.Payer}}
		if s := w.documents[r.ID]; s != nil {
			v = w.verify(s)
		} else {
			v.Err = brokenDocument(r.ID, "payer_number", errors.New("it is not a number, or the row was deleted"))
		}
		if err := each(v); err != nil {
			return err
		}
	}
	return nil
}

// read reads the documents and closes of payers.
func (w *verifying) read(ctx context.Context, payers []uint32) error {
	w.documents, w.closes = map[string]*Stored{}, map[uint32][]*Closed{}
	return w.DB.Change(ctx, "reading documents", func(tx *store.Tx) error {
		t := Table{tx}
		where, args := in("payer_number", payers)
		documents, err := t.stored(ctx, everFinal+` AND `+where, args...)
		if err != nil {
			return err
		}
		for _, s := range documents {
			w.documents[s.row] = s
		}
		if w.rows, err = t.rows(ctx, where, args...); err != nil {
			return err
		}
		closes, err := t.closes(ctx, "items", where, args...)
		if err != nil {
			return err
		}
		for _, c := range closes {
			w.closes[c.PayerNumber] = append(w.closes[c.PayerNumber], c)
		}
		w.closeRows, err = t.closeRows(ctx, closes, where, args...)
		return err
	})
}

// keyOf identifies a close of a document.
func keyOf(s *Stored, c *document.Close) closeKey {
	return closeKey{s.PayerNumber, c.Cycle.From, c.OffCycle}
}

// place returns the index of a close among the closes of its payer, -1 if it is missing.
func (w *verifying) place(key closeKey) int {
	return slices.IndexFunc(w.closes[key.payer], func(c *Closed) bool { return c.key() == key })
}

// sameUsage is the key of closes that share one query for usage.
type sameUsage struct {
	cut, from string
	facts     registry.Revision
}

// compute recomputes closes.
func (w *verifying) compute(ctx context.Context, closes []*Closed) error {
	w.again = map[closeKey]*recomputed{}
	groups := map[sameUsage][]*Closed{}
	for _, c := range closes {
		if c.Broken != nil {
			w.again[c.key()] = &recomputed{err: c.Broken}
			continue
		}
		key := sameUsage{c.Cut.String(), c.From.String(), c.Facts}
		groups[key] = append(groups[key], c)
	}
	for _, group := range groups {
		b := *w.Basis
		b.Facts, b.Cut = group[0].Facts, group[0].Cut
		u, err := b.usageAgain(ctx, group)
		if wrong := (*cutError)(nil); errors.As(err, &wrong) {
			for _, c := range group {
				w.again[c.key()] = &recomputed{err: fmt.Errorf("the close of the cycle from %s: its cut %s is not after %s, the "+
					"cut of the close before it", c.Cycle.From, c.Cut, c.From)}
			}
			continue
		}
		if err != nil {
			return err
		}
		for _, c := range group {
			w.again[c.key()] = w.close(b, u, c)
		}
	}
	return nil
}

// usageAgain reads the usage of closes that have the same cut and the same previous cut.
func (b *Basis) usageAgain(ctx context.Context, closes []*Closed) (*usage, error) {
	accounts, a := map[uint32]bool{}, &asking{from: closes[0].Cycle.From}
	for _, c := range closes {
		accounts[c.PayerNumber] = true
		a.from, a.to = min(a.from, c.Cycle.From), max(a.to, c.Cycle.From)
	}
	b.View.Below(accounts)
	a.accounts = slices.Sorted(maps.Keys(accounts))
	if first := closes[0]; len(first.From.Offsets) > 0 {
		a.closes, a.late = []*Closed{{Close: document.Close{Cut: first.From}}}, true
	}
	return b.ask(ctx, a)
}

// close recomputes a close from the facts, the cut and the versions that it refers to.
func (w *verifying) close(b Basis, u *usage, stored *Closed) *recomputed {
	out := &recomputed{}
	all := w.closes[stored.PayerNumber]
	n := w.place(stored.key())
	if out.err = firstBroken(all[:n]); out.err != nil { // a later close cannot be computed without the earlier one
		return out
	}
	b.Catalogue = stored.Catalogue
	p := &payer{Basis: &b, number: stored.PayerNumber, id: stored.Payer, closes: all[:n], first: all[0].Cycle, cycle: stored.Cycle,
		engines: w.engines}
	w.catalogue = p.catalogueOf
	lines, notes, err := w.lines(p, u, stored)
	if err != nil {
		out.err = fmt.Errorf("the close of the cycle from %s: %w", stored.Cycle.From, err)
		return out
	}
	c := *stored
	c.Lines, out.stored, out.closed, out.notes = lines, stored, &c, notes
	return out
}

func (w *verifying) lines(p *payer, u *usage, stored *Closed) (lines []document.Line, notes []string, err error) {
	if n := len(p.closes); n > 0 {
		p.last = p.closes[n-1]
		follows := p.last.Cycle.To == stored.Cycle.From && stored.OffCycle == 0
		if stored.OffCycle > 0 {
			follows = p.last.Cycle == stored.Cycle && p.last.OffCycle == stored.OffCycle-1
		}
		if p.last.Cut.String() != stored.From.String() || p.last.Facts != stored.Before || stored.Early != (p.last.OffCycle > 0) ||
			stored.EarlyArisen != p.last.Arisen || !follows {
			return nil, nil, fmt.Errorf("the close before it is not the one that it follows: a close was changed or is missing")
		}
	}
	if p.rules, err = rulesOf(stored.Rules); err != nil {
		return nil, nil, err
	}
	if p.account, err = p.accountOn(p.number, p.cycle.To-1); err != nil {
		return nil, nil, err
	}
	if p.prices, err = p.Prices(stored.Catalogue); err != nil {
		return nil, nil, err
	}
	sums := document.NewSums()
	if err := p.others(&stored.Close, sums.Add); err != nil {
		return nil, nil, err
	}
	old := map[Date]bool{}
	err = p.usageIn(u, &stored.Close, func(i *document.Item) error {
		if i.Cycle < w.Kept {
			old[i.Cycle] = true
			return nil
		}
		return sums.Add(i)
	})
	if err != nil {
		return nil, nil, err
	}
	for i := range stored.Lines {
		if l := &stored.Lines[i]; l.Kind == document.Usage && l.Cycle < w.Kept {
			old[l.Cycle] = true
			if err := sums.Merge(l); err != nil {
				return nil, nil, err
			}
		}
	}
	if err := p.commitments(&stored.Close, sums); err != nil {
		return nil, nil, err
	}
	for _, cycle := range slices.Sorted(maps.Keys(old)) {
		notes = append(notes,
			fmt.Sprintf("usage of the cycle from %s is older than warehouse.keep: it was added up from the stored lines of its close",
				cycle))
	}
	return sums.Exact(), notes, nil
}

// verify computes a document from its closes, or a credit note from the document that it corrects, and compares
// the result with the stored text.
func (w *verifying) verify(s *Stored) *Verified {
	if s.Broken != nil {
		return &Verified{Document: s, Changed: true, Err: s.Broken}
	}
	v := &Verified{Document: s, Changed: s.Sum() != s.Hash}
	var computed *document.Document
	if s.Form == document.CreditNote {
		computed, v.Err = w.credit(s)
	} else {
		computed, v.Err = w.document(s, v)
	}
	if v.Err == nil {
		computed.Number, computed.Issued, computed.Notes = s.Number, s.Issued, s.Notes
		computed.Due = s.Issued + Date(s.Terms.Target)
		computed.Input.Rules = s.Input.Rules
		v.Same = computed.Sum() == s.Hash
		v.Differences = append(document.Compare(&s.Document, computed), v.Differences...)
		if v.Changed && !v.Same && len(v.Differences) == 0 {
			v.Differences = []document.Difference{{Part: "payer, seller, terms or notes", Stored: "hash " + s.Sum(),
				Computed: "hash " + s.Hash}}
		}
	}
	if v.Err == nil {
		v.Differences = append(v.Differences, beside(&s.Document, computed)...)
	}
	v.Differences = append(v.Differences, w.rows[s.row].differences(s)...)
	return v
}

func (w *verifying) document(s *Stored, v *Verified) (*document.Document, error) {
	version := s.Input.Rules
	r, err := rulesOf(version)
	if err != nil {
		return nil, err
	}
	b := *w.Basis
	b.Catalogue = s.Input.Catalogue
	p := &payer{Basis: &b, number: s.PayerNumber, id: s.Payer.Account, rules: r, version: version}
	if p.prices, err = b.Prices(s.Input.Catalogue); err != nil {
		return nil, err
	}
	if p.group = p.prices.Terms.Group(s.Terms.AccountingGroup, s.Cycle.To); p.group == nil {
		return nil, fmt.Errorf("the catalogue has no accounting group %s on %s", s.Terms.AccountingGroup, s.Cycle.To)
	}
	p.is = &Payer{Party: s.Payer, Seller: s.Seller, Terms: s.Terms}
	var closes []*Closed
	for i := range s.Input.Closes {
		cycle := s.Input.Closes[i].Cycle.From
		c := w.again[keyOf(s, &s.Input.Closes[i])]
		switch {
		case c == nil:
			return nil, fmt.Errorf("the close of its cycle from %s is not in the control store", cycle)
		case c.err != nil:
			return nil, c.err
		}
		v.Differences = append(v.Differences, w.closeDiffers(s, c)...)
		closes = append(closes, c.closed)
		v.Notes = append(v.Notes, c.notes...)
	}
	if len(closes) == 0 {
		return nil, errors.New("it refers to no close, so nothing can be computed")
	}
	made, err := p.document(closes)
	if err != nil {
		return nil, err
	}
	v.Differences = append(v.Differences, w.unnamed(s)...)
	if s.Form == document.FinalSettlement || s.Form == document.OffCycle {
		made.Form = s.Form
	}
	return &made.Document, nil
}

func (w *verifying) credit(s *Stored) (*document.Document, error) {
	var of *Stored
	var before []*Stored
	for _, o := range w.documents {
		switch {
		case o.Broken != nil && o.PayerNumber == s.PayerNumber && o.Cycle.From == s.Cycle.From: // corrected document or credit note
			return nil, o.Broken
		case o.PayerNumber != s.PayerNumber || o.Seller.Account != s.Seller.Account:
		case o.Number == s.Corrects:
			of = o
		case o.Form == document.CreditNote && o.Corrects == s.Corrects && o.Seq < s.Seq:
			before = append(before, o)
		}
	}
	if of == nil {
		return nil, fmt.Errorf("document %s, which it corrects, is not in the control store", s.Corrects)
	}
	slices.SortFunc(before, func(a, b *Stored) int { return a.Seq - b.Seq })
	var credits []*document.Document
	for _, o := range before {
		credits = append(credits, &o.Document)
	}
	r, err := rulesOf(s.Input.Rules)
	if err != nil {
		return nil, err
	}
	return r.credit(&of.Document, credits, s.Input.Credits)
}

// Short returns a difference in one line, without the common beginning and end of both sides.
func Short(d document.Difference) string {
	switch {
	case d.Computed == "":
		return "only in the store: " + d.Stored
	case d.Stored == "":
		return "missing in the store: " + d.Computed
	}
	was, is := strings.Fields(d.Stored), strings.Fields(d.Computed)
	for len(was) > 1 && len(is) > 1 && was[len(was)-1] == is[len(is)-1] {
		was, is = was[:len(was)-1], is[:len(is)-1]
	}
	from := 0
	for from+1 < len(was) && from+1 < len(is) && was[from] == is[from] {
		from++
	}
	if from > 0 {
		from-- // the word before names the differing value
	}
	return fmt.Sprintf("stored %q, computed %q", strings.Join(was[from:], " "), strings.Join(is[from:], " "))
}
