package golden

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ratemill/account"
	"ratemill/decimal"
	"ratemill/internal/backoffice"
	"ratemill/internal/consumer"
	"ratemill/internal/control"
	"ratemill/internal/offline"
	"ratemill/internal/project"
	"ratemill/internal/store"
	"ratemill/registry"
	"ratemill/simstate"
	"ratemill/udr"
)

// installation is a small installation for a case with steps: a separate control store in a temporary folder, used by
// the code of `ratemill sim`, `ratemill account` and the roles simstate and account.
type installation struct {
	*Case
	project  *project.Project
	steps    *steps
	dir      string
	now      time.Time
	store    *control.Store
	office   *backoffice.Office
	registry *registry.Registry
	facts    *control.FactLog
	keeper   *simstate.Keeper[*store.Tx]

	done    int      // steps
	rated   [][]byte // batches of the rated log for the current file
	offset  int64    // offset in the rated log
	refused [][]string
	failed  error // error of the effects of a file
}

// install imports the registry of a case with steps at the time of its first step.
func (c *Case) install(ctx context.Context, p *project.Project, s *steps) (i *installation, err error) {
	i = &installation{Case: c, project: p, steps: s, registry: registry.New(), now: s.Steps[0].when}
	if i.dir, err = os.MkdirTemp("", "ratemill-case-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			i.close()
		}
	}()
	if i.store, err = control.Open(ctx, "sqlite:"+filepath.Join(i.dir, "control.db")); err != nil {
		return nil, err
	}
	for _, migrate := range []func(context.Context, *store.DB) error{account.Migrate, simstate.Migrate} {
		if err := migrate(ctx, i.store.DB); err != nil {
			return nil, err
		}
	}
	i.office, err = backoffice.New(backoffice.Options{Store: i.store, Catalogue: p.Catalogue, Now: i.clock, Partitions: 1,
		Installation: account.Installation{Resellers: true, Projects: true}})
	if err != nil {
		return nil, err
	}
	i.facts = control.NewFactLog(i.store, simstate.Consumer, i.clock, i.registry, i.load)
	i.keeper = &simstate.Keeper[*store.Tx]{Facts: i.facts, Book: p.Catalogue.Life(), Now: i.clock, Log: slog.New(slog.DiscardHandler),
		Table: simstate.Table{}}
	inputs, err := c.inputs()
	if err == nil {
		err = i.imports(ctx, inputs)
	}
	return i, err
}

func (i *installation) clock() time.Time { return i.now }

func (i *installation) load(ctx context.Context) error {
	_, err := i.store.LoadRegistry(ctx, i.registry)
	return err
}

func (i *installation) close() {
	if i.store != nil {
		_ = i.store.Close()
	}
	_ = os.RemoveAll(i.dir)
}

func (i *installation) imports(ctx context.Context, inputs []registry.Input) error {
	_, list, err := i.office.Import(ctx, backoffice.ImportRequest{Files: inputs, Who: who, Why: "registry"})
	if list.HasErrors() {
		err = list.Err()
	}
	if err != nil {
		return err
	}
	return i.settle(ctx)
}

// begin performs the steps before the next raw file, and returns the time at which that file is collected.
func (i *installation) begin(ctx context.Context) (time.Time, error) {
	for ; i.done < len(i.steps.Steps); i.done++ {
		t := &i.steps.Steps[i.done]
		if err := i.passes(ctx, t.when); err != nil {
			return i.now, err
		}
		if t.File.Value != "" {
			i.done++
			return i.now, nil
		}
		err := i.do(ctx, t)
		if err == nil {
			err = i.settle(ctx)
		}
		if err != nil {
			return i.now, fmt.Errorf("step %d: %w", i.done+1, err)
		}
	}
	return i.now, nil
}

// passes lets time pass, so that due time limits take effect.
func (i *installation) passes(ctx context.Context, to time.Time) error {
	i.now = to
	for more := true; more; {
		var err error
		if more, err = i.keeper.Due(ctx, i.store.DB); err != nil {
			return err
		}
	}
	return i.load(ctx)
}

// settle derives the states of SIMs from the changes.
func (i *installation) settle(ctx context.Context) error {
	for more := true; more; {
		var err error
		if more, err = i.keeper.Follow(ctx, i.store.DB); err == nil && !more {
			more, err = i.keeper.Spread(ctx, i.store.DB)
		}
		if err != nil {
			return err
		}
	}
	return i.load(ctx)
}

// do performs a step. A refusal is a result, not an error.
func (i *installation) do(ctx context.Context, t *step) error {
	err := i.ask(ctx, t)
	if err == nil || ctx.Err() != nil {
		return err
	}
	for _, line := range strings.Split(err.Error(), "\n") {
		if strings.HasPrefix(line, "    ") { // the place in the text, which is in the case
			continue
		}
		i.refused = append(i.refused, []string{number(uint64(i.done + 1)), t.says(), strings.TrimPrefix(line, i.Name+": ")})
	}
	return nil
}

func (i *installation) ask(ctx context.Context, t *step) error {
	at := i.done + 1
	switch {
	case t.Import.Value != "":
		for _, p := range i.parts(isLater) {
			if strings.TrimPrefix(p.Name, "later/") == strings.TrimPrefix(t.Import.Value, "later/") {
				return i.imports(ctx, []registry.Input{input(p.Name, p.Data)})
			}
		}
		return fmt.Errorf("the case has no part later/%s", t.Import.Value)
	case t.SIM != "":
		_, err := i.office.ChangeSIM(ctx, backoffice.SIMOrder{Who: who, Why: "step " + number(uint64(at)), As: t.As, At: t.From,
			Backdate: t.Backdate, Key: requestKey(at)}, t.wish())
		return err
	case t.Account == "":
		return nil
	case t.Opened != "":
		return i.document(ctx, t)
	}
	order, err := t.order(at)
	if err != nil {
		return err
	}
	if t.Status != "" {
		_, err = i.office.SetStatus(ctx, backoffice.StatusOrder{AccountOrder: order, Account: t.Account, To: t.Status})
		return err
	}
	_, err = i.office.Set(ctx, backoffice.SetOrder{AccountOrder: order, Account: t.Account, Kind: t.Set, Text: t.Value, End: t.Value == ""})
	return err
}

// document opens documents of a payer, or pays some.
func (i *installation) document(ctx context.Context, t *step) error {
	text, currency, _ := strings.Cut(t.Opened, " ")
	amount, err := decimal.Parse(text)
	if err != nil || currency == "" {
		return fmt.Errorf("documents is an amount and its currency, as in 400.00 EUR, not %q", t.Opened)
	}
	view := i.registry.View()
	payer, ok := view.AccountNumber(t.Account)
	view.Close()
	if !ok {
		return fmt.Errorf("the registry has no account %s", t.Account)
	}
	payers := i.payers()
	if _, err := payers.Follow(ctx); err != nil {
		return err
	}
	return i.store.Change(ctx, "documents of a case", func(tx *store.Tx) error {
		return account.Table{}.Settle(ctx, tx, payers, i.statuses(payers), payer, currency, decimal.D{}, amount)
	})
}

func (i *installation) payers() *account.Directory {
	in := &account.Installation{}
	in.Documents, _ = account.DocumentsOf(i.project.Catalogue)
	return account.NewDirectory(i.store.LoadAccounts, in, i.clock)
}

// statuses changes the status of accounts as their credit policies require.
func (i *installation) statuses(payers *account.Directory) *account.CreditStatus {
	facts := control.NewFactLog(i.store, account.Consumer, i.clock, i.registry, i.load)
	return &account.CreditStatus{Payers: payers, Write: facts.Write, Now: i.clock, Log: slog.New(slog.DiscardHandler)}
}

// after applies the rated records of a file to states and balances, as the roles simstate and account do.
func (i *installation) after(ctx context.Context) error {
	payers := i.payers()
	balances := account.NewEffect(account.Table{}).Keep(account.Table{}, payers).Suspend(i.statuses(payers)).
		Count(account.Table{}, func() udr.Instant { return udr.InstantOf(i.now) })
	states := simstate.NewEffect(func(ctx context.Context, tx *store.Tx, fresh []simstate.Usage) error {
		return i.keeper.WriteStates(ctx, tx, nil, fresh, "")
	})
	from := i.offset
	for _, value := range i.rated {
		if err := errors.Join(balances.Add(ctx, i.offset, value), states.Add(ctx, i.offset, value)); err != nil {
			return err
		}
		i.offset++
	}
	i.rated = nil
	span := consumer.Span{From: from, To: i.offset, First: from == 0}
	err := i.store.Change(ctx, "effects of a case", func(tx *store.Tx) error {
		return errors.Join(balances.Apply(ctx, tx, span), states.Apply(ctx, tx, span))
	})
	return cmp.Or(err, i.settle(ctx))
}

func input(name string, text []byte) registry.Input {
	return registry.Input{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }}
}

// runs returns a pipeline that runs with the steps of the installation.
func (i *installation) runs(ctx context.Context, pipe *offline.Pipeline) {
	pipe.Begin = func(int) (time.Time, error) {
		if i.failed != nil {
			return i.now, i.failed
		}
		return i.begin(ctx)
	}
	pipe.Done = func(*offline.Balance) { i.failed = cmp.Or(i.failed, i.after(ctx)) }
}
