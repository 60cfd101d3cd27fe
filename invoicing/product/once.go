package product

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ratemill/decimal"
	"ratemill/diag"
	"ratemill/invoicing/document"
	"ratemill/literal"
	"ratemill/registry"
	"ratemill/registry/life"
	"ratemill/udr"
)

// happened reports whether anything begins for a SIM on a date of the window. If nothing does, the SIM has no
// one-time charges.
func (w *window) happened(s *simFacts) bool {
	for i := range s.states {
		if w.dated(s.states[i].From) {
			return true
		}
	}
	for i := range s.owners {
		if w.dated(s.owners[i].From) {
			return true
		}
	}
	return false
}

// lifeDue adds the transitions and the activation of a SIM that are dated in the window's cycle (rules R12 and R13), up
// to a time.
func (w *window) lifeDue(s *simFacts, until udr.Instant, b *bill) error {
	if !w.happened(s) || w.docs.Life == nil {
		return nil
	}
	owned, err := w.owned(s)
	if err != nil {
		return err
	}
	if len(owned) == 0 {
		return nil
	}
	rules := make([]life.Owned, len(owned))
	for i := range owned {
		rules[i] = owned[i].Owned
	}
	stays, err := w.docs.Life.Stays(w.told(s), rules)
	if err != nil {
		return fmt.Errorf("SIM %d: %w", s.sim, err)
	}
	for _, c := range life.Charges(stays) {
		if c.At > until {
			continue
		}
		if err := w.charge(s, &c, document.Transition, b); err != nil {
			return err
		}
	}
	return w.activations(s, stays, owned, until, b)
}

// told returns the facts about a SIM's state with their causes. A registry does not hold causes. If causes are
// unknown, it assumes that a suspension which came from the account was also ended by the account, because
// nothing else ends one.
func (w *window) told(s *simFacts) []life.Told {
	told := make([]life.Told, len(s.states))
	withAccount := false
	for i, f := range s.states {
		told[i].KnownState = f
		ref, err := life.ParseRef(f.Lifecycle)
		with := err == nil && ref.Way == life.WithAccount
		switch {
		case w.facts.Cause != nil:
			told[i].Cause = w.facts.Cause(s.sim, f)
		case with || withAccount:
			told[i].Cause = "cascade:"
		}
		withAccount = with
	}
	return told
}

// tenure is the time that a SIM spends with an account as a seller sees it, with the payer who pays that seller.
type tenure struct {
	life.Owned
	level   int // level of the payer's tier
	account string
}

// owned returns the tenures of a SIM for the seller of the payer. An activation is due once for each seller, for any
// payer.
func (w *window) owned(s *simFacts) (all []tenure, err error) {
	seller := registry.Seller(w.view, w.payer, w.end(w.to-1), w.rev)
	for i := range s.owners {
		f := &s.owners[i]
		t := tenure{Owned: life.Owned{From: f.From}}
		if f.State == registry.Ended {
			all = append(all, t)
			continue
		}
		for _, x := range w.tiersAt(f.Account, f.Plan, f.From, w.rev) {
			if registry.Seller(w.view, x.payer, f.From, w.rev) == seller {
				t.Payer, _ = w.view.AccountID(x.payer)
				t.Seller, t.level, t.account = strconv.Itoa(int(seller)), x.number, x.id
				break
			}
		}
		if t.Rules, err = w.rules(s.sim, f.Account, f.From); err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

// rules returns the rules for a SIM of an account at a time: the SIM's own settings, or those of the nearest
// account that has some.
func (w *window) rules(sim, account uint32, at udr.Instant) (rules life.Rules, err error) {
	payer := w.payerOf(account, at, w.rev)
	a, ok := w.view.Account(payer, at, w.rev)
	if !ok {
		return rules, nil
	}
	rules.Zone = a.Zone
	value, ok := w.facts.Statements.At(registry.KindSettings, registry.SubjectOf(sim), "", at, w.rev)
	for _, number := range w.view.Path(account, at, w.rev, nil) {
		if id, known := w.view.AccountID(number); known && !ok {
			value, ok = w.facts.Statements.At(registry.KindSettings, id, "", at, w.rev)
		}
	}
	if !ok {
		return rules, nil
	}
	key := ruleKey{string(value.Value), at, a.Zone}
	if known, ok := w.ruled[key]; ok {
		return known, nil
	}
	settings, list := w.docs.Life.CheckSettings("settings", value.Value, at, a.Zone)
	if err = list.Err(); err == nil {
		if rules.Ref, err = w.docs.Life.Rules(settings, at, a.Zone); err == nil {
			rules.Lifecycle, err = w.docs.Life.Resolve(rules.Ref, at, a.Zone)
		}
	}
	if err != nil {
		return rules, fmt.Errorf("the settings of SIM %d at %s: %w", sim, at, err)
	}
	w.ruled[key] = rules
	return rules, nil
}

// activations adds the activation of a SIM, if it is due in the window's cycle and owed by the payer.
func (w *window) activations(s *simFacts, stays []life.Stay, owned []tenure, until udr.Instant, b *bill) error {
	list := make([]life.Owned, len(owned))
	for i := range owned {
		t := &owned[i]
		list[i] = t.Owned
		if err := w.activated(&list[i].Rules, t, t.From); err != nil {
			return err
		}
	}
	if len(s.states) == 0 {
		return w.assigned(s, list, owned, until, b)
	}
	for i := range stays {
		for n := len(owned) - 1; n >= 0; n-- {
			if t := &owned[n]; t.From <= stays[i].From {
				if err := w.activated(&stays[i].Rules, t, stays[i].From); err != nil {
					return err
				}
				break
			}
		}
	}
	for _, c := range life.Activations(stays, list) {
		if c.At > until {
			continue
		}
		if err := w.charge(s, &c, document.Activation, b); err != nil {
			return err
		}
	}
	return nil
}

// activated returns the rules with the activation charge of the payer's billing profile. If the profile
// has none, the lifecycle's charge applies, and the SIM's own payer owes it.
func (w *window) activated(rules *life.Rules, t *tenure, at udr.Instant) error {
	a, err := w.profileActivation(t.Payer, at)
	if err != nil || a == nil && t.level == 0 {
		return err
	}
	if rules.Lifecycle == nil {
		rules.Lifecycle = &life.Lifecycle{}
	}
	changed := *rules.Lifecycle
	changed.Activation = a
	rules.Lifecycle = &changed
	return nil
}

func (w *window) profileActivation(payer string, at udr.Instant) (*life.Activation, error) {
	if payer == "" {
		return nil, nil
	}
	s, ok := w.facts.Statements.At(registry.KindProfile, payer, "", at, w.rev)
	if !ok {
		return nil, nil
	}
	p, err := readStatement[profile](&s.Statement)
	if err != nil || p.Activation == nil {
		return nil, err
	}
	a := &life.Activation{Charge: p.Activation.Charge, PerPayer: p.Activation.Once == "payer"}
	for _, trigger := range []life.Trigger{life.OnAssignment, life.OnActivation, life.InBilling} {
		if trigger.String() == p.Activation.Trigger {
			a.Trigger = trigger
		}
	}
	if number, ok := w.view.AccountNumber(payer); ok {
		if account, ok := w.view.Account(number, at, w.rev); ok {
			a.Currency = account.Currency
		}
	}
	return a, nil
}

// assigned adds the activation of a SIM that has no states: it is due on assignment, if that is the trigger.
func (w *window) assigned(s *simFacts, list []life.Owned, owned []tenure, until udr.Instant, b *bill) error {
	done := map[string]bool{}
	for i := range list {
		t := &list[i]
		if t.Payer == "" || t.From > until || t.Rules.Lifecycle == nil || t.Rules.Lifecycle.Activation == nil {
			continue
		}
		a := t.Rules.Lifecycle.Activation
		once := "seller"
		if a.PerPayer {
			once = "payer " + t.Payer
		}
		if a.Trigger != life.OnAssignment || done[once] {
			continue
		}
		done["seller"], done["payer "+t.Payer] = true, true
		c := life.Charge{At: t.From, Amount: a.Charge, Currency: a.Currency, Product: "activation", Payer: t.Payer}
		if err := w.charge(s, &c, document.Activation, b); err != nil {
			return err
		}
	}
	return nil
}

// charge adds a one-time charge of a SIM, if it is dated in the window and the payer of the run pays it.
func (w *window) charge(s *simFacts, c *life.Charge, kind document.Kind, b *bill) error {
	if !w.dated(c.At) || c.Amount.IsZero() {
		return nil
	}
	f := s.owner(c.At)
	if f == nil {
		return nil
	}
	account, ok := "", false
	for _, t := range w.tiersAt(f.Account, f.Plan, c.At, w.rev) {
		id, _ := w.view.AccountID(t.payer)
		if t.mine && (kind == document.Activation && c.Payer == id || kind == document.Transition && t.number == 0) {
			account, ok = t.id, true
			break
		}
	}
	if !ok {
		return nil
	}
	if c.Currency != w.currency {
		return fmt.Errorf("account %s pays in %s, but the charge %s of SIM %d is in %s; correct the lifecycle or the account's settings",
			w.id, w.currency, c.Product, s.sim, c.Currency)
	}
	cause := c.Cause
	if cause == "" || cause == "cascade:" {
		cause = string(kind) + ":" + registry.SubjectOf(s.sim) + ":" + c.At.String()
	}
	state := c.To
	if kind == document.Activation {
		state = "" // activations form one line, for all states of SIMs
	}
	return b.add(owedKey{kind: kind, sim: s.sim, account: account, product: c.Product, state: state, price: c.Amount, units: 1,
		from: w.from, to: w.to, cycle: w.first, tax: w.docs.Tax(oneTime, c.Product, w.date(c.At)), cause: cause}, 1)
}

// OneOff is a one-off charge that was added by hand, in the form of a statement. Its date is the beginning
// of the statement.
type OneOff struct {
	Payer     string    `yaml:"payer" json:"payer,omitempty" names:"account" doc:"The account that pays. If omitted, the payer of account." example:"acme"`
	Account   string    `yaml:"account,required" json:"account" names:"account" doc:"Account that is charged; the charge is in its section of the invoice." example:"acme"`
	SIM       string    `yaml:"sim" json:"sim,omitempty" names:"sim" doc:"SIM that is charged, by its number, as sim:17; ratemill charge add finds the number by an identifier." example:"sim:17"`
	Product   string    `yaml:"product,required" json:"product" doc:"Name of the charge; a part with of: { charge: NAME } gives its tax class." example:"installation"`
	Amount    decimal.D `yaml:"amount,required" json:"amount" doc:"Net amount; below 0 for a credit." example:"120.00"`
	Currency  string    `yaml:"currency" json:"currency,omitempty" doc:"Currency, which must be the payer's." example:"EUR"`
	Tax       string    `yaml:"tax" json:"tax,omitempty" doc:"Tax class, if no part defines it." example:"telecom"`
	Reference string    `yaml:"reference" json:"reference,omitempty" doc:"Text for the invoice, such as the number of a quote." example:"Q-2026-17"`
	From      Date      `yaml:"from" json:"from,omitempty" doc:"First day of the period for which the charge is. If omitted, the billing cycle of its date." example:"2026-04-01"`
	To        Date      `yaml:"to" json:"to,omitempty" doc:"Day after the last day of that period." example:"2026-05-01"`
	Adjusts   string    `yaml:"adjusts" json:"adjusts,omitempty" names:"document" doc:"Line of a document that the charge corrects, as DOCUMENT/LINE. import warns if the document does not exist." example:"INV-2026-000412/3"`
}

// Valid returns the mistake in a one-off charge.
func (v *OneOff) Valid() error {
	var wrong []error
	if (v.From == 0) != (v.To == 0) || v.From > v.To || v.From != 0 && v.From == v.To {
		wrong = append(wrong, errors.New("from and to are a first day and the day after the last one; give both, or none"))
	}
	if _, ok := registry.SIMOf(v.SIM); v.SIM != "" && !ok {
		wrong = append(wrong, fmt.Errorf("sim %q is not the number of a SIM, as sim:17", v.SIM))
	}
	if strings.TrimSpace(v.Product) == "" {
		wrong = append(wrong, errors.New("the product is empty; name the charge, as installation"))
	}
	for _, text := range []string{v.Product, v.Reference} {
		if err := literal.CheckText(text); err != nil {
			wrong = append(wrong, fmt.Errorf("%q %w", text, err))
		}
	}
	return errors.Join(wrong...)
}

// TaxIn returns an error if the tax class of a one-off charge is not one of the given ones. If there are none, it
// accepts any.
func (v *OneOff) TaxIn(classes []string) error {
	if v.Tax == "" || len(classes) == 0 || slices.Contains(classes, v.Tax) {
		return nil
	}
	return fmt.Errorf("no part and no tax table of the catalogue has tax class %s%s", v.Tax,
		cmp.Or(diag.Suggest(v.Tax, classes), "; there are "+strings.Join(classes, ", ")))
}

// oneOff is a valid one-off charge.
type oneOff struct {
	OneOff
	id string
	at udr.Instant
}

// oneOffsOf finds one-off charges by the accounts in their statements. It runs once, because reading all
// statements for each payer would take too long. A charge that cannot be read belongs to every payer, so that
// each close reports it.
func oneOffsOf(all *registry.Statements) map[string][]string {
	of := map[string][]string{}
	for id := range all.Subjects(registry.KindOneOff) {
		for _, s := range all.Told(registry.KindOneOff, id) {
			if s.State != registry.Holds {
				continue
			}
			v, err := readStatement[OneOff](&s.Statement)
			account := v.Payer
			if account == "" && err == nil {
				account = v.Account
			}
			if n := len(of[account]); n == 0 || of[account][n-1] != id {
				of[account] = append(of[account], id)
			}
		}
	}
	return of
}

// oneOffsFor returns the ids of the one-off charges that a payer may have to pay for its accounts, in order.
func (e *Engine) oneOffsFor(accounts []uint32) []string {
	if len(e.oneOffsOf) == 0 {
		return nil
	}
	ids := slices.Clone(e.oneOffsOf[""])
	for _, a := range accounts {
		id, _ := e.view.AccountID(a)
		ids = append(ids, e.oneOffsOf[id]...)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// oneOffs returns the one-off charges of a payer as known at a revision, ordered by id. One id is one
// charge: only its first statement counts.
func (r *run) oneOffs(rev registry.Revision) (all []oneOff, err error) {
	if known, ok := r.charged[rev]; ok {
		return known, nil
	}
	for _, id := range r.oneOffIDs {
		for _, s := range registry.HeldStatements(r.facts.Statements.Told(registry.KindOneOff, id), rev) {
			if s.State == registry.Ended {
				continue
			}
			v, err := readStatement[OneOff](&s.Statement)
			if err != nil {
				return nil, err
			}
			payer := v.Payer
			if number, ok := r.view.AccountNumber(v.Account); payer == "" && ok {
				payer, _ = r.view.AccountID(r.payerOf(number, s.From, rev))
			}
			if payer == r.id {
				all = append(all, oneOff{v, id, s.From})
			}
			break
		}
	}
	r.charged[rev] = all
	return all, nil
}

// oneOffsDue adds the one-off charges that are dated in the window's cycle.
func (w *window) oneOffsDue(b *bill) error {
	all, err := w.oneOffs(w.rev)
	if err != nil {
		return err
	}
	for _, o := range all {
		if !w.dated(o.at) {
			continue
		}
		if o.Currency != "" && o.Currency != w.currency {
			return fmt.Errorf("one-off charge %s is in %s, but account %s pays in %s; correct the charge", o.id, o.Currency, w.id, w.currency)
		}
		kind, tax := document.OneOff, o.Tax
		if o.Adjusts != "" {
			kind = document.Adjustment
		}
		if tax == "" {
			tax = w.docs.Tax(oneTime, o.Product, w.date(o.at))
		}
		sim, _ := registry.SIMOf(o.SIM)
		from, to := w.from, w.to
		if o.To != 0 {
			from, to = o.From, o.To
		}
		if err := b.add(owedKey{kind: kind, sim: sim, account: o.Account, product: o.Product, price: o.Amount, units: 1, from: from, to: to,
			cycle: w.first, tax: tax, cause: o.id, text: o.Reference}, 1); err != nil {
			return err
		}
	}
	return nil
}
