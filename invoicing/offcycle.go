package invoicing

import (
	"context"
	"errors"
	"fmt"

	"ratemill/invoicing/document"
	"ratemill/registry"
	"ratemill/udr"
)

// OffCycle creates a document for each of some payers between two cycle closes. It
// contains corrections of closed cycles, and one-off charges dated in the running cycle. For accounting groups with
// off_cycle: daily, it also contains the transitions and activations of the running cycle up to now. The close of
// that cycle does not bill them again, because it bills the difference from the facts known now (rule R9). daily
// skips payers in other groups and payers with nothing due; payers nil then means all. dry stores nothing.
func (r *Run) OffCycle(ctx context.Context, payers []uint32, daily, dry bool, each func(*Computed) error) error {
	if payers == nil {
		last, err := r.last(ctx, nil)
		if err != nil {
			return err
		}
		payers = r.Basis.payers(last, Date(r.Basis.Now.Unix()/(24*60*60)))
	}
	w := r.worker(&usage{of: map[uint32][]Charged{}}, 0, r.Basis.signers())
	var known map[uint32][]*Closed
	for i, number := range payers {
		if i%together == 0 {
			var err error
			if known, w.reviewed, err = r.known(ctx, payers[i:min(i+together, len(payers))], w.signers); err != nil {
				return err
			}
		}
		c, err := w.offCycle(ctx, number, known[number], daily)
		if err != nil {
			return err
		}
		if r.Progress != nil {
			r.Progress(i+1, len(payers))
		}
		if c == nil {
			continue
		}
		if !dry {
			if err := r.putAll(ctx, []*Computed{c}); err != nil {
				return err
			}
		}
		if err := each(c); err != nil {
			return err
		}
	}
	return nil
}

// offCycle computes the next off-cycle close of a payer. If daily is true, it returns nil unless the accounting
// group is billed daily and something is due.
func (w *worker) offCycle(ctx context.Context, number uint32, closes []*Closed, daily bool) (*Computed, error) {
	if err := firstBroken(closes); err != nil {
		return w.broken(number, closes, err), nil
	}
	p := &payer{Basis: w.Basis, number: number, closes: closes, engines: w.engines, rules: current(), version: document.Rules}
	skipped, err := p.nextOffCycle()
	if held := (*heldError)(nil); errors.As(err, &held) {
		skipped = held.reason
	} else if err != nil {
		return nil, err
	}
	if daily && (p.group == nil || p.group.OffCycle != "daily") {
		return nil, nil
	}
	if name := w.reviewed[AccountCycle{number, p.cycle.From}]; name != "" && skipped == "" {
		skipped = name + reviewedFirst
	}
	if skipped != "" {
		return skip(p, p.cycle, skipped), nil
	}
	var doubts []string
	if w.Basis.Doubts != nil {
		if doubts, err = w.Basis.Doubts(ctx, number, p.cycle, p.group); err != nil {
			return nil, err
		}
	}
	w.catalogue = p.catalogueOf
	c := p.compute(w.usage, doubts)
	c.Closed.At = udr.InstantOf(w.Basis.Now)
	if len(c.Documents) == 0 && len(c.Closed.Reasons) == 0 {
		if daily {
			return nil, nil
		}
		return skip(p, p.cycle, "nothing is due that was not invoiced: there is no one-off charge of the running cycle, and "+
			"no correction of a closed one"), nil
	}
	return c, nil
}

// nextOffCycle returns the position of the next off-cycle close. skipped is the reason if there is none.
func (p *payer) nextOffCycle() (skipped string, err error) {
	p.id, _ = p.View.AccountID(p.number)
	var unfinished *Closed
	for _, c := range p.closes {
		if c.State.Fixed() {
			p.last = c
		} else {
			unfinished = c
		}
	}
	if p.last == nil {
		if p.cycle, err = p.firstCycle(); err != nil {
			return "", err
		}
		return "none of its cycles is closed yet; its first invoice is that of its first cycle", nil
	}
	p.first, p.cycle, p.offCycle = p.closes[0].Cycle, p.last.Cycle, p.last.OffCycle+1
	if p.is, err = p.Payer(p.id, udr.InstantOf(p.Now)); err != nil {
		return "", err
	}
	if p.prices, err = p.Prices(p.Catalogue); err != nil {
		return "", err
	}
	p.group = p.prices.Terms.Group(p.is.Terms.AccountingGroup, p.cycle.To)
	if unfinished != nil && unfinished.OffCycle == 0 {
		return fmt.Sprintf("its cycle from %s is being closed; finalise that document first, or discard it", unfinished.Cycle.From), nil
	}
	next, account, err := p.cycleOf(p.number, p.cycle.To)
	if err != nil {
		return "", err
	}
	over := registry.Midnight(account.Zone, int32(next.To))
	if now := udr.InstantOf(p.Now); now >= over {
		return fmt.Sprintf("its cycle from %s is over; ratemill invoice run --cycle %s closes it", next.From, next.From.UTC().Format("2006-01")),
			nil
	}
	if p.account, err = p.accountOn(p.number, p.cycle.To-1); err != nil {
		return "", err
	}
	if currency, err := p.currencyOf(next.From); err != nil || currency != p.last.Currency || currency != p.account.Currency {
		return fmt.Sprintf("it pays in another currency from %s on; the close of that cycle invoices what is due", next.From), err
	}
	switch {
	case !p.is.Profiled:
		return "it has no billing profile; ratemill account set " + p.id + " profile … states one", nil
	case !p.is.Terms.Billable:
		return "it gets no invoices (billable: no)", nil
	case udr.InstantOf(p.Now) < registry.Midnight(account.Zone, int32(next.From)):
		return fmt.Sprintf("its next cycle begins on %s", next.From), nil
	}
	return "", nil
}

// arisen returns the time up to which an off-cycle close bills what happened to SIMs in the running cycle; 0 if it
// bills nothing of it. If one off-cycle close of a cycle bills these events, the later ones do so too.
func (p *payer) arisen() udr.Instant {
	if p.last.Arisen == 0 && (p.group == nil || p.group.OffCycle != "daily") {
		return 0
	}
	return max(p.last.Arisen, udr.InstantOf(p.Now))
}

// issueOffCycle creates the document of an off-cycle close. It ignores the periodicity and the threshold, because
// the document was requested. Items that wait for a later document keep waiting.
func (p *payer) issueOffCycle(out *Computed) error {
	d, err := p.document([]*Closed{out.Closed})
	if err != nil || nothingDue(d) {
		return err
	}
	d.Form = document.OffCycle
	out.Closed.State = CloseDraft
	out.Documents = append(out.Documents, d)
	return nil
}

// offCycleFirst is the reason why a cycle cannot close: an off-cycle document that contains the new facts is not
// final yet.
func offCycleFirst(closes []*Closed) string {
	for _, c := range closes {
		if c.OffCycle > 0 && !c.State.Fixed() {
			return fmt.Sprintf("an off-cycle document after the cycle from %s is not final; finalise it, or discard it, then run again",
				c.Cycle.From)
		}
	}
	return ""
}
