package backoffice

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"ratemill/account"
	"ratemill/diag"
	"ratemill/registry"
	"ratemill/registry/life"
	"ratemill/simstate"
	"ratemill/udr"
)

// SIMQuestion is a query about SIMs at a time.
type SIMQuestion struct {
	As string    // account that requests the list; "" for the provider
	At time.Time // zero for now
}

// SIMFilter chooses SIMs.
type SIMFilter struct {
	Account string // this account and the accounts below it; "" for all
	State   string
	Plan    string
	Limit   int
}

// ListedSIM is a SIM in a list.
type ListedSIM struct {
	SIM     uint32 `json:"sim"`
	ICCID   string `json:"iccid"`
	IMSI    string `json:"imsi"`
	MSISDN  string `json:"msisdn"`
	State   string `json:"state"` // "" for none
	Account string `json:"account"`
	Plan    string `json:"plan"`
	Since   string `json:"since"` // beginning of the state; without a state, of the owner
}

// ListedSIMs holds SIMs, and their total number.
type ListedSIMs struct {
	SIMs []ListedSIM `json:"sims"`
	All  int         `json:"all"` // number of all SIMs; SIMs may have fewer
}

// simReading is a query about SIMs, with the known facts about them.
type simReading struct {
	*simDraft
	at     udr.Instant
	reader *life.Reader
}

// readSIMs reads the facts about all SIMs, or about the SIM with an identifier.
func (o *Office) readSIMs(ctx context.Context, q SIMQuestion, sim string) (*simReading, error) {
	d, err := o.simDraft(ctx, &SIMOrder{As: q.As}, sim)
	if err != nil {
		return nil, err
	}
	if d.rev == 0 {
		d.close()
		return nil, conflict("the registry is empty; `ratemill import registry/` brings companies, accounts and SIMs")
	}
	r := &simReading{simDraft: d, at: udr.InstantOf(d.now), reader: life.NewReader(d.lives.Book)}
	if !q.At.IsZero() {
		r.at = udr.InstantOf(q.At)
	}
	return r, nil
}

// ListSIMs returns the SIMs that the actor may see, ordered by number.
func (o *Office) ListSIMs(ctx context.Context, q SIMQuestion, f SIMFilter) (*ListedSIMs, error) {
	r, err := o.readSIMs(ctx, q, "")
	if err != nil {
		return nil, err
	}
	defer r.close()
	in, err := r.accounts(f.Account)
	if err != nil {
		return nil, err
	}
	answer := &ListedSIMs{SIMs: []ListedSIM{}}
	states := map[string]bool{}
	for sim := uint32(1); sim <= r.view.SIMs(); sim++ {
		own, ok := r.view.Owner(sim, r.at, r.rev)
		if !ok || !in[own.Account] || f.Plan != "" && r.view.PlanName(own.Plan) != f.Plan {
			continue
		}
		stay, has, _ := r.state(sim, own.Account, nil)
		states[stay.State] = true
		if f.State != "" && stay.State != f.State {
			continue
		}
		if answer.All++; len(answer.SIMs) < f.Limit {
			answer.SIMs = append(answer.SIMs, r.listed(sim, own, &stay, has))
		}
	}
	if answer.All == 0 {
		return answer, r.filters(f, states)
	}
	return answer, nil
}

// accounts returns the numbers of the accounts whose SIMs are requested.
func (r *simReading) accounts(id string) (map[uint32]bool, error) {
	in := map[uint32]bool{}
	top := cmp.Or(id, r.as.Account)
	if top == "" {
		for n := uint32(1); n <= r.view.Accounts(); n++ {
			in[n] = true
		}
		return in, nil
	}
	if r.book.Account(top, r.at) == nil {
		return nil, &Problem{Missing, r.unknown(top)}
	}
	if err := r.as.Within(r.path(top, r.at)); err != nil {
		return nil, &Problem{Conflict, err}
	}
	for n := uint32(1); n <= r.view.Accounts(); n++ {
		if id, ok := r.view.AccountID(n); ok && slices.Contains(r.path(id, r.at), top) {
			in[n] = true
		}
	}
	return in, nil
}

// filters refuses values that can match nothing because no object has that name.
func (r *simReading) filters(f SIMFilter, states map[string]bool) error {
	if f.Plan != "" && r.catalogue != nil && !slices.Contains(r.catalogue.Plans(), f.Plan) {
		return &Problem{Missing, fmt.Errorf("the catalogue has no plan %s%s", f.Plan, orAll(diag.Suggest(f.Plan, r.catalogue.Plans()),
			"plan", r.catalogue.Plans()))}
	}
	if f.State == "" {
		return nil
	}
	var known []string
	for _, name := range r.lives.Book.Models() {
		if m, ok := r.lives.Book.Model(name, r.at, time.UTC); ok {
			for i := range m.States {
				s := m.States[i].Name
				if s == f.State {
					return nil
				}
				known = append(known, s)
			}
		}
	}
	slices.Sort(known)
	return &Problem{Missing, fmt.Errorf("no state model has a state %s%s", f.State, orAll(diag.Suggest(f.State, known), "state",
		slices.Compact(known)))}
}

// state returns the effective state of a SIM.
func (r *simReading) state(sim, owner uint32, used []life.Event) (life.Stay, bool, error) {
	zone := time.UTC
	if a, ok := r.view.Account(registry.Payer(r.view, r.statements, owner, r.at, r.rev), r.at, r.rev); ok {
		zone = a.Zone
	}
	return r.reader.State(r.view, sim, r.at, r.rev, zone, used)
}

func (r *simReading) listed(sim uint32, own registry.Ownership, stay *life.Stay, has bool) ListedSIM {
	k := registryAt{r.view, r.rev, r.at}
	is := k.sim(sim)
	l := ListedSIM{SIM: sim, ICCID: strings.Join(is.ICCID, " "), IMSI: strings.Join(is.IMSI, " "), MSISDN: strings.Join(is.MSISDN, " "),
		Account: is.Account, Plan: is.Plan, Since: is.Since}
	if has {
		l.State, l.Since = stay.State, day(stay.From, k.zone(own.Account, r.at))
	}
	return l
}

// FullSIM has all known values of a SIM at a time.
type FullSIM struct {
	SIM
	State      string            `json:"state,omitempty"`
	Core       string            `json:"core,omitempty"` // core of the state: its meaning in any model
	StateSince string            `json:"state_since,omitempty"`
	StateBy    string            `json:"state_by,omitempty"` // what caused the state: request, assignment, usage, time, account
	Who        string            `json:"who,omitempty"`
	Why        string            `json:"why,omitempty"`
	Cause      string            `json:"cause,omitempty"`
	Next       []string          `json:"next"` // states that a user can choose
	Payer      string            `json:"payer"`
	Status     string            `json:"account_status,omitempty"`
	Lifecycle  string            `json:"lifecycle,omitempty"` // lifecycle with its version and overrides
	Model      string            `json:"state_model,omitempty"`
	Limit      *SIMLimit         `json:"time_limit,omitempty"`
	Settings   map[string]string `json:"settings"`
	Network    *SIMNetwork       `json:"network,omitempty"`
	Ahead      []string          `json:"ahead,omitempty"` // statements about later times
}

// SIMLimit is the time limit that ends a state.
type SIMLimit struct {
	Limit string `json:"limit"` // test_time, window, after, suspend_max
	Due   string `json:"due"`
	To    string `json:"to"`
}

// SIMNetwork is the last request to the network for a SIM.
type SIMNetwork struct {
	Action   string `json:"action"`
	Before   string `json:"before_state,omitempty"` // the state that is waiting for the acknowledgement
	Status   string `json:"status"`
	Made     string `json:"made"`
	Attempts int    `json:"attempts"`
	Why      string `json:"why,omitempty"`
	NextAt   string `json:"next_at,omitempty"`
	Limit    string `json:"limit,omitempty"` // cause of the request, if it is not the state
}

// ShowSIM returns all known values of a SIM.
func (o *Office) ShowSIM(ctx context.Context, text string, q SIMQuestion) (*FullSIM, error) {
	r, err := o.readSIMs(ctx, q, text)
	if err != nil {
		return nil, err
	}
	defer r.close()
	sim, own, err := r.one(text)
	if err != nil {
		return nil, err
	}
	k := registryAt{r.view, r.rev, r.at}
	full := &FullSIM{SIM: k.sim(sim), Next: []string{}, Settings: map[string]string{}}
	full.Payer = r.book.Payer(full.Account, r.at)
	full.Status = r.book.Status(full.Account, r.at).Status.String()
	subject := registry.SubjectOf(sim)
	for name, v := range account.Values[account.Setting](r.book, registry.KindSetting, subject, r.at) {
		full.Settings[name] = v.Name
	}
	if g := account.Value[account.Membership](r.book, registry.KindMember, subject, "", r.at); g != nil {
		full.Settings[simGroup] = g.Group
	}
	if err := o.fillState(ctx, r, full, own); err != nil {
		return nil, err
	}
	var table simstate.Table
	last, err := table.LastRequest(ctx, o.Store.DB, sim)
	if err != nil {
		return nil, err
	}
	if last != nil {
		full.Network = &SIMNetwork{Action: string(last.Action), Status: string(last.Status), Made: Moment(last.Made),
			Attempts: last.Attempts, Why: last.Why, Limit: last.Limit}
		if last.Wish != nil {
			full.Network.Before = last.State
		}
		if !last.NextAt.IsZero() {
			full.Network.NextAt = Moment(last.NextAt)
		}
	}
	return full, r.book.Err()
}

// one returns a SIM that the actor may see.
func (r *simReading) one(text string) (uint32, registry.Ownership, error) {
	sim, err := oneSIM(r.view, text)
	if err != nil {
		return 0, registry.Ownership{}, &Problem{Missing, err}
	}
	own, ok := r.view.Owner(sim, r.at, r.rev)
	if !ok {
		return 0, own, &Problem{Missing, fmt.Errorf("%s has no owner on %s; `ratemill sim history %s` shows its owners", text, day(r.at,
			time.UTC), text)}
	}
	id, _ := r.view.AccountID(own.Account)
	if err := r.as.Within(r.path(id, r.at)); err != nil {
		return 0, own, &Problem{Conflict, fmt.Errorf("%s: %w", text, err)}
	}
	return sim, own, nil
}

// fillState fills in the state of a SIM, its cause and its end.
func (o *Office) fillState(ctx context.Context, r *simReading, full *FullSIM, own registry.Ownership) error {
	var table simstate.Table
	used, err := table.UsageOf(ctx, o.Store.DB, full.Number)
	if err != nil {
		return err
	}
	used = slices.DeleteFunc(used, func(e life.Event) bool { return e.At > r.at })
	stay, has, _ := r.state(full.Number, own.Account, used)
	k := registryAt{r.view, r.rev, r.at}
	zone := k.zone(own.Account, r.at)
	facts := k.simFacts(full.Number, registry.NewStatements())
	if err := o.reasons(ctx, full.Number, registry.SubjectOf(full.Number), facts); err != nil {
		return err
	}
	for _, f := range facts {
		switch state := f.What == string(registry.KindState); {
		case f.Corrected != 0 || !state && f.What != "owner":
		case f.key.From > r.at:
			full.Ahead = append(full.Ahead, strings.TrimSpace(fmt.Sprintf("%s %s %s from %s on", f.What, f.Value, f.Plan, f.Since)))
		case state && has && f.key.From == stay.From:
			full.Who, full.Why, full.Cause = f.Who, f.Why, f.Cause
		}
	}
	if !has || stay.State == "" {
		return nil
	}
	full.State, full.Core, full.StateSince = stay.State, stay.Core().String(), day(stay.From, zone)
	full.StateBy = life.MakerOf(full.Cause).String()
	if full.Cause == "" && full.Who == "" {
		full.StateBy = stay.By.String()
		full.Why = "it already applies; simstate has not stored it yet"
	}
	full.Lifecycle = stay.Rules.Ref.String()
	c := stay.Rules.Lifecycle
	if c == nil {
		return nil
	}
	full.Model = c.Model.Name
	full.Next = c.Model.Allowed(stay.State, life.Person)
	first := udr.Instant(0)
	for _, e := range used {
		if e.At >= stay.From && (first == 0 || e.At < first) {
			first = e.At
		}
	}
	if t, ok := stay.Timer(first); ok {
		full.Limit = &SIMLimit{Limit: t.Limit.String(), Due: day(t.Due, zone), To: t.To}
	}
	return nil
}

// SIMHistory returns all facts ever stated about a SIM, in chronological order. Each fact has its time of
// validity, the time at which it became known, and its origin: user, reason and cause. An account sees the facts
// of the times when it owned the SIM.
func (o *Office) SIMHistory(ctx context.Context, text string, as string) ([]Fact, error) {
	r, err := o.readSIMs(ctx, SIMQuestion{As: as}, text)
	if err != nil {
		return nil, err
	}
	defer r.close()
	sim, err := r.sim(&SIMWish{SIM: text})
	if err != nil {
		return nil, err
	}
	subject := registry.SubjectOf(sim)
	statements, err := o.Store.StatementsOf(ctx, []string{subject}, r.rev)
	if err != nil {
		return nil, err
	}
	facts := registryAt{r.view, r.rev, r.at}.simFacts(sim, statements)
	if facts, err = r.visible(sim, facts); err != nil {
		return nil, err
	}
	if err := o.reasons(ctx, sim, subject, facts); err != nil {
		return nil, err
	}
	slices.SortStableFunc(facts, func(a, b Fact) int {
		return cmp.Or(cmp.Compare(a.key.From, b.key.From), cmp.Compare(a.Known, b.Known))
	})
	return facts, nil
}

// visible returns the facts about the times when the SIM belonged to the actor.
func (r *simReading) visible(sim uint32, facts []Fact) ([]Fact, error) {
	if r.as.Provider() {
		return facts, nil
	}
	var its []registry.Period
	for _, p := range r.view.History(sim) {
		id, ok := r.view.AccountID(p.Account)
		if p.Account != 0 && ok && slices.Contains(r.path(id, p.Since), r.as.Account) {
			its = append(its, p)
		}
	}
	if len(its) == 0 {
		return nil, conflict("SIM %d does not belong to account %s or to the accounts below it, and never did", sim, r.as.Account)
	}
	return slices.DeleteFunc(facts, func(f Fact) bool {
		number, _ := r.view.AccountNumber(f.Value)
		return !slices.ContainsFunc(its, func(p registry.Period) bool {
			held := (!p.Ends || f.key.From < p.Until) && (!f.ends || f.until > p.Since)
			return held && (f.What != "owner" || p.Account == number)
		})
	}), nil
}
