package backoffice

import (
	"fmt"
	"slices"
	"strings"

	"ratemill/account"
	"ratemill/diag"
	"ratemill/registry"
	"ratemill/registry/life"
	"ratemill/simstate"
	"ratemill/udr"
)

// idle returns the status of an account that is not active at a time. Accounts that never had a status are
// active, because the installation does not use statuses.
func (d *simDraft) idle(id string, when udr.Instant) string {
	if s := d.book.Status(id, when).Status; s != account.Active && s != account.NoStatus {
		return s.String()
	}
	return ""
}

func (d *simDraft) path(id string, when udr.Instant) []string { return account.Path(d.book, id, when) }

// stays returns the states of a SIM, including states for future times and the effects of time limits that are due
// by a time.
func (d *simDraft) stays(sim uint32, until udr.Instant) ([]life.Stay, error) {
	events, err := d.lives.Events(sim, d.told[sim], d.used[sim])
	if err != nil {
		return nil, &Problem{Conflict, fmt.Errorf("SIM %d: %w; correct the catalogue or the settings first", sim, err)}
	}
	return life.States(events, max(until, udr.InstantOf(d.now))), nil
}

// judge adds the new states of a SIM, and their effects.
func (d *simDraft) judge(m *simMade, news ...life.Event) error {
	s, err := d.lives.Judge(m.sim, d.told[m.sim], d.used[m.sim], udr.InstantOf(d.now), m.cause, news...)
	if err != nil {
		return &Problem{Conflict, fmt.Errorf("SIM %d: %w; correct the catalogue or the settings first", m.sim, err)}
	}
	m.judged = &s
	for _, later := range life.Later(s.Stays, m.when) {
		m.note("it stays %s from %s on, as a user stated, although the model has no step to it from %s", later.State, day(later.From,
			m.zone), later.Before)
	}
	return nil
}

// state sets the state of a SIM.
func (d *simDraft) state(m *simMade, to string) error {
	rules, err := d.lives.Rules(m.sim, m.owner, m.when)
	if err != nil {
		return &Problem{Conflict, err}
	}
	if rules.Lifecycle == nil {
		return conflict("account %s has no lifecycle for its SIMs, so their states cannot be set; name one: ratemill account set %s settings "+
			"lifecycle=NAME", m.id, m.id)
	}
	stays, err := d.stays(m.sim, m.when)
	if err != nil {
		return err
	}
	path := d.path(m.id, m.when)
	step, err := life.Check(stays, rules, life.Ask{To: to, At: m.when, By: life.Person, Idle: d.idle(m.id, m.when),
		May: func(permission string) bool { return permission == "" || d.as.Provides(path) }})
	if err != nil {
		return &Problem{Conflict, fmt.Errorf("SIM %d: %w", m.sim, err)}
	}
	if step == nil {
		return nil
	}
	if from := life.At(stays, m.when); coreOf(rules, to) == life.Active && (from == nil || from.Core() != life.Active) {
		if why := d.blocking(d.owed, m.id, m.when); why != "" {
			return conflict("SIM %d cannot become %s: %s", m.sim, to, why)
		}
	}
	if step.Before {
		return d.askNetworkFirst(m, rules, to)
	}
	return d.judge(m, life.Event{At: m.when, Kind: life.Set, State: to, Rules: rules, Cause: m.cause})
}

// askNetworkFirst sends the network a request for a state that takes effect with the network's acknowledgement.
func (d *simDraft) askNetworkFirst(m *simMade, rules life.Rules, to string) error {
	if m.when < udr.InstantOf(d.now) {
		return conflict("SIM %d becomes %s when the network has acknowledged it (confirm: before), so the step cannot be "+
			"backdated to %s; leave --at out", m.sim, to, day(m.when, m.zone))
	}
	action := simstate.Activate
	if state, ok := rules.Lifecycle.Model.State(to); ok && state.Barred {
		action = simstate.Deactivate
	}
	m.asks = &simstate.Request{SIM: m.sim, Action: action, State: to, At: m.when,
		Wish: &simstate.Wish{Account: m.owner, Who: d.order.Who, Why: d.order.Why, Cause: m.cause}}
	m.note("SIM %d becomes %s when the network has acknowledged it; `ratemill sim show` shows the status of the request", m.sim, to)
	return nil
}

// coreOf returns the core of a state of a model.
func coreOf(rules life.Rules, state string) life.Core {
	s, ok := rules.Lifecycle.Model.State(state)
	if !ok {
		return 0
	}
	return s.Core
}

// move transfers a SIM to another account.
func (d *simDraft) move(m *simMade, w *SIMWish) error {
	target := d.book.Account(w.To, m.when)
	if target == nil {
		return d.unknown(w.To)
	}
	if target.Number == m.owner {
		if w.Plan != "" {
			return d.plan(m, w.Plan)
		}
		return nil
	}
	if err := d.as.Within(d.path(w.To, m.when)); err != nil {
		return &Problem{Conflict, err}
	}
	if err := d.takes(m, w.To); err != nil {
		return err
	}
	stays, err := d.stays(m.sim, m.when)
	if err != nil {
		return err
	}
	now := life.At(stays, m.when)
	if now != nil && now.Core() == life.Cancelled {
		return conflict("SIM %d has been %s since %s, which is final, so it cannot be moved", m.sim, now.State, day(now.From, m.zone))
	}
	same := registry.Payer(d.view, d.statements, m.owner, m.when, d.rev) == registry.Payer(d.view, d.statements, target.Number, m.when, d.rev)
	plan, err := d.planOfMove(m, target, w.Plan, same)
	if err != nil {
		return err
	}
	m.owners = append(d.taken(m), registry.OwnershipFact{SIM: m.sim, From: m.when, Account: target.Number, Plan: plan})
	d.lives.Coming = map[uint32][]registry.OwnershipFact{m.sim: m.owners}
	if d.leave(m, w.To, same) {
		d.lives.Leaving = map[uint32]udr.Instant{m.sim: m.when}
	}
	defer func() { d.lives.Coming, d.lives.Leaving = nil, nil }()
	if same {
		return d.judge(m)
	}
	if err := d.judgeArrival(m, w, target, now); err != nil {
		return err
	}
	if s := life.At(m.judged.Stays, m.when); s != nil && s.Core() == life.Active {
		if why := d.blocking(d.owed, w.To, m.when); why != "" {
			return conflict("SIM %d would be %s in account %s, which is not possible: %s", m.sim, s.State, w.To, why)
		}
	}
	return nil
}

// judgeArrival adds the state of a SIM after a move to an account with another payer.
func (d *simDraft) judgeArrival(m *simMade, w *SIMWish, target *registry.Account, now *life.Stay) error {
	if !w.Keep || now == nil || now.State == "" {
		return d.judge(m)
	}
	rules, err := d.lives.Rules(m.sim, target.Number, m.when)
	if err != nil {
		return &Problem{Conflict, err}
	}
	if c := rules.Lifecycle; c != nil {
		if _, known := c.Model.State(now.State); !known {
			return conflict("SIM %d is %s, but state model %s of account %s has no such state; without --keep-state it begins as %s", m.sim,
				now.State,
				c.Model.Name, w.To, c.Default)
		}
	}
	return d.judge(m, life.Event{At: m.when, Kind: life.Assigned, Keep: true, Rules: rules, Cause: m.cause})
}

// takes checks that an account may get SIMs, and that the present account may give up this SIM.
func (d *simDraft) takes(m *simMade, to string) error {
	if err := d.book.TakesSIMs(to, m.when); err != nil {
		return &Problem{Conflict, err}
	}
	if status := d.idle(m.id, m.when); status != "" && !d.as.Provides(d.path(m.id, m.when)) {
		return conflict("account %s is %s on %s, so only its provider can move its SIMs", m.id, status, day(m.when, m.zone))
	}
	return nil
}

// planOfMove returns the plan of a SIM in the account to which it moves.
func (d *simDraft) planOfMove(m *simMade, target *registry.Account, plan string, same bool) (string, error) {
	asked := plan != ""
	if !asked {
		own, _ := d.view.Owner(m.sim, m.when, d.rev)
		plan = d.view.PlanName(own.Plan)
		if defaults := d.givenTo(target.ID, m.when).Defaults(account.PricePlan); !same && len(defaults) == 1 && defaults[0] != plan {
			m.note("its plan is now %s, the default of account %s", defaults[0], target.ID)
			plan = defaults[0]
		}
	}
	if plan == "" {
		return "", nil
	}
	as := d.as
	if !asked {
		as = account.Actor{} // the plan is not chosen: the SIM keeps its plan, or gets the default
	}
	err := d.entitledTo(as, plan, target, m.when)
	if err != nil && !asked {
		err = &Problem{Conflict, fmt.Errorf("%w; choose a plan with --plan", err)}
	}
	return plan, err
}

// entitledTo checks that an account can have a plan, and that an actor may choose it.
func (d *simDraft) entitledTo(as account.Actor, plan string, a *registry.Account, when udr.Instant) error {
	if d.catalogue != nil {
		if plans := d.catalogue.Plans(); !slices.Contains(plans, plan) {
			return &Problem{Missing, fmt.Errorf("the catalogue has no plan %s%s", plan, orAll(diag.Suggest(plan, plans), "plan", plans))}
		}
		currencies, _, _ := d.catalogue.Currencies()
		if its := currencies[plan]; len(its) > 0 && !slices.Contains(its, a.Currency) {
			return conflict("plan %s is in %s, but account %s pays in %s", plan, strings.Join(its, ", "), a.ID, a.Currency)
		}
	}
	return d.entitled(as, a.ID, account.PricePlan, plan, when)
}

// entitled checks that an actor may choose a resource for SIMs of an account.
func (d *simDraft) entitled(as account.Actor, id, kind, name string, when udr.Instant) error {
	if err := d.givenTo(id, when).Entitled(as, account.ResourceName{Kind: kind, Name: name}); err != nil {
		return &Problem{Conflict, err}
	}
	return nil
}

// givenTo caches the resources of an account, because the lines of a batch request the same resources many times.
func (d *simDraft) givenTo(id string, when udr.Instant) account.Given {
	key := givenKey{id, when}
	g, ok := d.given[key]
	if !ok {
		g = d.book.Given(id, when)
		d.given[key] = g
	}
	return g
}

// taken withdraws the old account's statements about future times, such as another plan from a later day on,
// because they would return the SIM to that account.
func (d *simDraft) taken(m *simMade) (facts []registry.OwnershipFact) {
	for _, p := range d.view.History(m.sim) {
		switch {
		case p.Account == 0 || p.Corrected != 0 || p.Since <= m.when:
			continue
		case p.Account != m.owner:
			id, _ := d.view.AccountID(p.Account)
			m.note("account %s owns it from %s on, as stated before", id, day(p.Since, m.zone))
			return facts
		}
		m.note("plan %s from %s on is withdrawn: it was that of account %s", d.view.PlanName(p.Plan), day(p.Since, m.zone), m.id)
		facts = append(facts, registry.OwnershipFact{SIM: m.sim, From: p.Since, State: registry.Withdrawn, Account: p.Account})
	}
	return facts
}

// leave ends the settings that a SIM cannot keep in another account: resources that the new account lacks, the group,
// and, if the payer changes, the SIM's own rules. It reports whether the SIM had its own rules.
func (d *simDraft) leave(m *simMade, to string, same bool) (ruled bool) {
	subject, given := registry.SubjectOf(m.sim), d.givenTo(to, m.when)
	end := func(kind registry.Kind, name, why string) {
		m.statements = append(m.statements, registry.Statement{Kind: kind, Subject: subject, Name: name, From: m.when, State: registry.Ended})
		m.note("%s", why)
	}
	for name, v := range account.Values[account.Setting](d.book, registry.KindSetting, subject, m.when) {
		r := account.ResourceName{Kind: name, Name: v.Name}
		if given.Restricted(name) && !given.Of(r).Active {
			end(registry.KindSetting, name, fmt.Sprintf("%s ends, because account %s does not have it", r, to))
		}
	}
	if g := account.Value[account.Membership](d.book, registry.KindMember, subject, "", m.when); g != nil {
		end(registry.KindMember, "", fmt.Sprintf("it leaves group %s of account %s", g.Group, m.id))
	}
	if _, ok := d.statements.At(registry.KindSettings, subject, "", m.when, d.rev); ok && !same {
		end(registry.KindSettings, "", "its own rules end; those of account "+to+" hold")
		return true
	}
	return false
}

// plan changes the plan of a SIM.
func (d *simDraft) plan(m *simMade, plan string) error {
	own, _ := d.view.Owner(m.sim, m.when, d.rev)
	if d.view.PlanName(own.Plan) == plan {
		return nil
	}
	if status := d.idle(m.id, m.when); status != "" && !d.as.Provides(d.path(m.id, m.when)) {
		return conflict("account %s is %s on %s, so only its provider can change the plans of its SIMs", m.id, status, day(m.when, m.zone))
	}
	a, ok := d.view.Account(m.owner, m.when, d.rev)
	if !ok {
		return d.unknown(m.id)
	}
	if err := d.entitledTo(d.as, plan, a, m.when); err != nil {
		return err
	}
	m.owners = []registry.OwnershipFact{{SIM: m.sim, From: m.when, Account: m.owner, Plan: plan}}
	for _, p := range d.view.History(m.sim) {
		if p.Account != 0 && p.Corrected == 0 && p.Since > m.when {
			id, _ := d.view.AccountID(p.Account)
			m.note("from %s on it has plan %s in account %s, as stated before", day(p.Since, m.zone), d.view.PlanName(p.Plan), id)
			break
		}
	}
	return nil
}
