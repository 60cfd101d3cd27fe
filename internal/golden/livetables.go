package golden

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"ratemill/account"
	"ratemill/internal/control"
	"ratemill/internal/store"
	"ratemill/registry"
	"ratemill/simstate"
	"ratemill/udr"
)

// tables returns the sections about SIMs and accounts, as they are after the last step.
func (i *installation) tables(ctx context.Context, w *writer, cover *Coverage) (map[string]string, error) {
	t := &lifeTables{installation: i, w: w, cover: cover, got: map[string]string{}}
	var err error
	if _, t.statements, t.rev, err = i.facts.Latest(ctx); err != nil {
		return nil, err
	}
	for _, fill := range []func(context.Context) error{t.sims, t.histories, t.accounts, t.credit, t.units} {
		if err := fill(ctx); err != nil {
			return nil, err
		}
	}
	t.got["refused"] = text(kept("step", "what", "why"), i.refused)
	return t.got, nil
}

// lifeTables builds these sections.
type lifeTables struct {
	*installation
	w          *writer
	cover      *Coverage // nil for none
	statements *registry.Statements
	rev        registry.Revision
	got        map[string]string
}

func kept(names ...string) (columns []column) {
	for _, n := range names {
		columns = append(columns, column{name: n, keep: true})
	}
	return columns
}

// at returns a time in the zone of the steps.
func (t *lifeTables) at(when udr.Instant) string {
	if when == registry.Always {
		return "always"
	}
	local, form := when.Time().In(t.steps.zone), time.DateOnly
	switch {
	case local.Second() != 0:
		form = "2006-01-02 15:04:05"
	case local.Hour() != 0 || local.Minute() != 0:
		form = "2006-01-02 15:04"
	}
	return local.Format(form)
}

// cause returns a cause with the names of files instead of their ids.
func (t *lifeTables) cause(cause string) string {
	for id, name := range t.w.files {
		cause = strings.ReplaceAll(cause, id.String(), name)
	}
	return cause
}

// name returns an identifier of a SIM.
func name(view *registry.View, sim uint32) string {
	at := udr.Instant(0)
	for _, p := range view.History(sim) {
		at = p.Since
	}
	if ids := view.Identifiers(sim, max(at, 0), view.Revision(), nil); len(ids) > 0 {
		return simKey(ids[0])
	}
	return fmt.Sprint(sim)
}

// sims returns the states of SIMs, and their one-time charges.
func (t *lifeTables) sims(ctx context.Context) error {
	view := t.registry.View()
	defer view.Close()
	var sims []uint32
	for sim := uint32(1); sim <= view.SIMs(); sim++ {
		sims = append(sims, sim)
	}
	lives := &simstate.Lives{View: view, Revision: t.rev, Statements: t.statements, Book: t.keeper.Book}
	var states, due [][]string
	err := t.store.Change(ctx, "reading the states of a case", func(tx *store.Tx) error {
		told, err := control.StatesTold(ctx, tx, sims, t.rev)
		if err != nil {
			return err
		}
		used, err := simstate.Table{}.Usage(ctx, tx, sims)
		if err != nil {
			return err
		}
		for _, sim := range sims {
			its := name(view, sim)
			for k, f := range told[sim] {
				if k+1 < len(told[sim]) && told[sim][k+1].From == f.From || f.State == registry.Withdrawn {
					continue
				}
				state := f.Name
				if f.State == registry.Ended {
					state = "-"
				}
				states = append(states, []string{its, t.at(f.From), state, t.cause(f.Cause)})
			}
			judged, err := lives.Judge(sim, told[sim], used[sim], udr.InstantOf(t.now), "")
			if err != nil {
				return err
			}
			if t.cover != nil {
				t.cover.lived(judged.Stays)
			}
			charges, err := lives.Due(sim, told[sim], used[sim], udr.InstantOf(t.now))
			if err != nil {
				return err
			}
			for _, c := range charges {
				due = append(due, []string{its, t.at(c.At), c.Product, c.Currency + " " + c.Amount.String(), c.Payer})
			}
		}
		return nil
	})
	t.got["states"] = text(kept("sim", "from", "state", "cause"), states)
	t.got["due"] = text(kept("sim", "at", "what", "amount", "payer"), due)
	return err
}

// histories returns all facts about SIMs, in chronological order.
func (t *lifeTables) histories(ctx context.Context) error {
	view := t.registry.View()
	var names []string
	for sim := uint32(1); sim <= view.SIMs(); sim++ {
		names = append(names, name(view, sim))
	}
	view.Close()
	var rows [][]string
	for _, its := range names {
		facts, err := t.office.SIMHistory(ctx, its, "")
		if err != nil {
			return err
		}
		for _, f := range facts {
			corrected := ""
			if f.Corrected != 0 {
				corrected = number(f.Corrected)
			}
			rows = append(rows, []string{its, f.Since, f.Until, f.What, f.Value, f.Plan, number(f.Known), corrected, t.cause(f.Cause)})
		}
	}
	columns := kept("sim", "since", "until", "what", "value", "plan", "known", "corrected", "cause")
	columns[5].keep, columns[7].keep = false, false
	t.got["history"] = text(columns, rows)
	return nil
}

// accounts returns the statuses of accounts.
func (t *lifeTables) accounts(context.Context) error {
	statements := registry.NewStatements()
	if _, err := t.store.LoadStatements(context.Background(), statements); err != nil {
		return err
	}
	view := t.registry.View()
	defer view.Close()
	in := &account.Installation{Resellers: true, Projects: true}
	in.Documents, _ = account.DocumentsOf(t.project.Catalogue)
	book := account.NewBook(view, statements, in)
	var rows [][]string
	for n := uint32(1); n <= view.Accounts(); n++ {
		id, ok := view.AccountID(n)
		if !ok {
			continue
		}
		for _, s := range book.History(id).Statuses {
			rows = append(rows, []string{id, t.at(s.From), s.Value.Status.String(), s.Value.Cascade})
		}
	}
	t.got["statuses"] = text([]column{{"account", true}, {"from", true}, {"status", true}, {"cascade", false}}, rows)
	return book.Err()
}

// credit returns the debts of payers, and the thresholds that they passed.
func (t *lifeTables) credit(ctx context.Context) error {
	credits, err := account.CreditOf(ctx, t.store.DB, nil)
	if err != nil {
		return err
	}
	payers := t.payers()
	if _, err := payers.Follow(ctx); err != nil {
		return err
	}
	view := t.registry.View()
	defer view.Close()
	var rows [][]string
	for k := range credits {
		c := &credits[k]
		limit := payers.Limit(c.Payer)
		if limit == nil || !c.Kept {
			continue
		}
		exposure, err := c.Exposure()
		if err != nil {
			return err
		}
		unbilled, err := c.Unbilled()
		if err != nil {
			return err
		}
		id, _ := view.AccountID(c.Payer)
		var passed []string
		for _, p := range c.Passed {
			passed = append(passed, fmt.Sprintf("%d %%", p))
		}
		rows = append(rows, []string{id, limit.Amount.String(), exposure.String(), unbilled.String(), c.Documents.String(), c.Currency,
			strings.Join(passed, ", ")})
	}
	t.got["credit"] = text(kept("account", "limit", "exposure", "unbilled", "documents", "currency", "passed"), rows)
	return t.alerts(ctx, view)
}

func (t *lifeTables) alerts(ctx context.Context, view *registry.View) error {
	alerts, err := account.Alerts(ctx, t.store.DB, nil, 10_000)
	if err != nil {
		return err
	}
	slices.Reverse(alerts)
	var rows [][]string
	for k := range alerts {
		a := &alerts[k]
		id, _ := view.AccountID(a.Payer)
		rows = append(rows, []string{id, fmt.Sprintf("%d %%", a.Threshold.At), a.Event(), a.Exposure.String(), a.Limit.String(), t.record(a)})
	}
	t.got["alerts"] = text(kept("account", "threshold", "event", "exposure", "limit", "record"), rows)
	return nil
}

// record returns the record that reached a threshold, by its file and line.
func (t *lifeTables) record(a *account.Alert) string {
	for _, r := range t.w.usage {
		if r.file == a.File && r.seq == a.Seq {
			return t.w.files[r.file] + ":" + r.cells[0]
		}
	}
	return ""
}
