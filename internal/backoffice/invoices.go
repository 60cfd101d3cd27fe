package backoffice

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ratemill/account"
	"ratemill/decimal"
	"ratemill/internal/control"
	"ratemill/internal/project"
	"ratemill/internal/store"
	"ratemill/invoicing"
	"ratemill/invoicing/document"
	"ratemill/registry"
)

// Steps that users take with documents.
const (
	ReviewInvoice  = invoicing.Review
	ReleaseInvoice = invoicing.Release
)

// InvoiceTake is the amount that a credit note credits of a line.
type InvoiceTake = document.Take

// InvoiceOrder selects the documents to create or change, and records the user.
type InvoiceOrder struct {
	Cycle    string   // month in which the billing cycles begin, such as 2026-03; or the first day of one cycle
	Accounts []string // payers; none means all
	Who, Why string
	As       string // account that gives the order; "" for the provider
	DryRun   bool
	// OffCycle requests documents between two cycle closes, with the charges that became due since the last
	// close. Such an order has no cycle. Without payers, it covers all payers in accounting groups with
	// off_cycle: daily.
	OffCycle bool
	Wait     time.Duration // how long to wait for roles that are behind
	Unasked  bool          // skip the check in ClickHouse that no document already has one of the new numbers
	Progress func(done, of int)
}

// InvoiceRun is the result of a bill run.
type InvoiceRun struct {
	Cycle     string           `json:"cycle"` // empty for off-cycle documents
	Facts     uint64           `json:"facts"` // revision of the registry
	Cut       string           `json:"cut"`   // of the rated log
	Catalogue string           `json:"catalogue"`
	Payers    int              `json:"payers"`
	Computed  []InvoiceAmount  `json:"computed"`
	Waiting   []InvoicePayer   `json:"waiting"` // closed payers whose items wait for a later document
	Held      []InvoicePayer   `json:"held"`
	Skipped   []InvoicePayer   `json:"skipped"`
	Documents []InvoiceSummary `json:"documents"`
	Balance   *InvoiceBalance  `json:"balance,omitempty"`  // balance of the cycle, once the run is finished
	Findings  []string         `json:"findings,omitempty"` // findings that do not concern a single payer
	DryRun    bool             `json:"dry_run,omitempty"`
	Took      time.Duration    `json:"-"`
	last      string           // payer that was counted last
}

// InvoiceAmount is a sum of documents in a currency; money is text.
type InvoiceAmount struct {
	Documents int    `json:"documents"`
	Net       string `json:"net"`
	Total     string `json:"total"`
	Currency  string `json:"currency"`
}

// InvoicePayer is a payer without a document, and the reason.
type InvoicePayer struct {
	Account string   `json:"account"`
	Cycle   string   `json:"cycle"`
	Why     []string `json:"why"`
}

// InvoiceSummary is a document in a list.
type InvoiceSummary struct {
	ID       string   `json:"id"`
	Number   string   `json:"number,omitempty"`
	Form     string   `json:"form"`
	State    string   `json:"state"`
	Payer    string   `json:"payer"`
	Cycle    string   `json:"cycle"`
	Net      string   `json:"net"`
	Tax      string   `json:"tax"`
	Total    string   `json:"total"`
	Currency string   `json:"currency"`
	Issued   string   `json:"issued,omitempty"`
	Due      string   `json:"due,omitempty"`
	Disputed string   `json:"disputed,omitempty"` // disputed part of the open amount
	Reasons  []string `json:"reasons,omitempty"`
	Error    string   `json:"error,omitempty"` // why the document's row, or the row of its open amount, cannot be read
}

// Unreadable returns why a row of the document cannot be read, "" if all can.
func (s InvoiceSummary) Unreadable() string { return s.Error }

func summary(s *invoicing.Stored) InvoiceSummary { return listed(s.Listed()) }

func listed(l *invoicing.Listed) InvoiceSummary {
	i := InvoiceSummary{ID: l.ID, Number: l.Number, Form: string(l.Form), State: string(l.State), Payer: l.Payer, Cycle: l.Cycle.String(),
		Net: l.Net.Fixed(l.Scale), Tax: l.Tax.Fixed(l.Scale), Total: l.Total.Fixed(l.Scale), Currency: l.Currency, Reasons: l.Reasons}
	if l.Number != "" {
		i.Issued, i.Due = l.Issued.String(), l.Due.String()
	}
	if l.Broken != nil {
		i.Net, i.Tax, i.Total, i.Issued, i.Due, i.Error = "", "", "", "", "", l.Broken.Error()
	}
	return i
}

// until returns the latest date on which a cycle of an order may begin.
func (r *InvoiceOrder) until() (registry.Date, error) {
	if month, err := time.Parse("2006-01", r.Cycle); err == nil {
		return dateOf(month.AddDate(0, 1, -1)), nil
	}
	day, err := time.Parse(time.DateOnly, r.Cycle)
	if err != nil {
		return 0, fmt.Errorf("%q is neither a month, as 2026-03, nor the first day of a billing cycle, as 2026-03-15", r.Cycle)
	}
	return dateOf(day), nil
}

func dateOf(t time.Time) registry.Date { return registry.Date(t.Unix() / (24 * 60 * 60)) }

// invoicing prepares a run; end closes it.
func (o *Office) invoicing(ctx context.Context, r *InvoiceOrder, question bool) (run *invoicing.Run, payers []uint32, end func(),
	err error) {
	until, err := r.until()
	if err != nil {
		return nil, nil, nil, err
	}
	if err := o.payersOf(ctx, r, question); err != nil {
		return nil, nil, nil, err
	}
	request := basisRequest{until: until, closed: r.Accounts, wait: r.Wait}
	if question {
		request.payers = r.Accounts
	}
	basis, end, err := o.basis(ctx, request)
	if err != nil {
		return nil, nil, nil, err
	}
	for _, id := range r.Accounts {
		number, ok := basis.View.AccountNumber(id)
		if !ok {
			end()
			return nil, nil, nil, missing("there is no account %s; ratemill account list shows all", id)
		}
		payers = append(payers, number)
	}
	slices.Sort(payers)
	run = &invoicing.Run{DB: o.Store.DB, Basis: basis, By: invoicing.By{Who: r.Who, Why: r.Why, At: o.Now()}, Progress: r.Progress,
		Settle:  o.settle(),
		Deliver: o.deliver}
	return run, payers, end, nil
}

// settle changes the debts of payers, in the transaction of a document.
func (o *Office) settle() func(context.Context, *store.Tx, uint32, string, decimal.D, decimal.D) error {
	catalogue, _ := o.catalogueNow()
	in := o.Installation
	project.Complete(&in, catalogue)
	payers := account.NewDirectory(o.Store.LoadAccounts, &in, o.Now)
	statuses := &account.CreditStatus{Payers: payers, Now: o.Now,
		Write: func(ctx context.Context, tx *store.Tx, changes *registry.Changes, why string) error {
			return o.Store.WriteRegistry(ctx, tx, changes, control.ImportOptions{Who: account.Consumer, Why: why, Now: o.Now()})
		}}
	return func(ctx context.Context, tx *store.Tx, payer uint32, currency string, billed, documents decimal.D) error {
		if _, err := payers.Follow(ctx); err != nil {
			return err
		}
		return account.Table{}.Settle(ctx, tx, payers, statuses, payer, currency, billed, documents)
	}
}

// RunInvoices closes billing cycles and computes their documents.
func (o *Office) RunInvoices(ctx context.Context, r InvoiceOrder) (*InvoiceRun, error) {
	began := time.Now()
	asked := r.Cycle
	daily := r.OffCycle && len(r.Accounts) == 0
	if r.OffCycle {
		r.Cycle = o.Now().UTC().Format("2006-01")
	}
	run, payers, end, err := o.invoicing(ctx, &r, r.DryRun)
	if err != nil {
		return nil, err
	}
	defer end()
	until, _ := r.until()
	answer := &InvoiceRun{Cycle: asked, Facts: uint64(run.Basis.Facts), Cut: run.Basis.Cut.String(), Catalogue: run.Basis.Catalogue,
		DryRun:   r.DryRun,
		Computed: []InvoiceAmount{}, Waiting: []InvoicePayer{}, Held: []InvoicePayer{}, Skipped: []InvoicePayer{}, Documents: []InvoiceSummary{}}
	sums := map[string]*invoiceSum{}
	each := func(c *invoicing.Computed) error { return answer.add(c, sums) }
	switch {
	case r.OffCycle:
		r.Cycle = ""
		err = run.OffCycle(ctx, payers, daily, r.DryRun, each)
	case r.DryRun:
		err = run.Preview(ctx, until, payers, each)
	default:
		err = run.Compute(ctx, until, payers, each)
	}
	if err != nil {
		return nil, err
	}
	if answer.Findings, err = run.Basis.Findings(ctx); err != nil {
		return nil, err
	}
	for currency, s := range sums {
		answer.Computed = append(answer.Computed, InvoiceAmount{Documents: s.documents, Net: s.net.Fixed(s.scale),
			Total:    s.total.Fixed(s.scale),
			Currency: currency})
	}
	slices.SortFunc(answer.Computed, func(a, b InvoiceAmount) int { return strings.Compare(a.Currency, b.Currency) })
	if !r.DryRun {
		if answer.Balance, err = o.BalanceInvoices(ctx, r, nil); err != nil {
			return nil, fmt.Errorf("the run is done, but its balance is not: %w", err)
		}
		err = o.Store.Audit(ctx, control.AuditEntry{At: o.Now(), Who: r.Who, What: "invoice.run", Subject: cmp.Or(r.Cycle, "off-cycle"),
			Detail: fmt.Sprintf("%d documents, %d held; %s", len(answer.Documents), len(answer.Held), r.Why)})
	}
	answer.Took = time.Since(began)
	return answer, err
}

type invoiceSum struct {
	documents, scale int
	net, total       decimal.D
}

// add counts the result of a payer.
func (a *InvoiceRun) add(c *invoicing.Computed, sums map[string]*invoiceSum) (err error) {
	p := InvoicePayer{Account: c.Closed.Payer, Cycle: c.Closed.Cycle.From.String()}
	if a.last != p.Account { // the cycles of a payer are consecutive
		a.last = p.Account
		a.Payers++
	}
	switch {
	case c.Broken: // the exit code is the same as for held documents
		p.Why = []string{c.Skipped}
		a.Held = append(a.Held, p)
	case c.Skipped != "":
		p.Why = []string{c.Skipped}
		a.Skipped = append(a.Skipped, p)
	case len(c.Closed.Reasons) > 0:
		p.Why = c.Closed.Reasons
		a.Held = append(a.Held, p)
	case len(c.Documents) == 0:
		p.Why = []string{c.Closed.Waits}
		a.Waiting = append(a.Waiting, p)
	}
	for _, d := range c.Documents {
		a.Documents = append(a.Documents, summary(d))
		if len(d.Reasons) > 0 {
			continue
		}
		s := sums[d.Currency]
		if s == nil {
			s = &invoiceSum{scale: d.Scale}
			sums[d.Currency] = s
		}
		s.documents++
		if s.net, err = s.net.Add(d.Net); err != nil {
			return err
		}
		if s.total, err = s.total.Add(d.Total); err != nil {
			return err
		}
	}
	return nil
}

// InvoicePreview holds the next documents of a payer.
type InvoicePreview struct {
	InvoicePayer                     // with the reasons to hold the documents
	Documents    []*invoicing.Stored `json:"documents"`
}

// PreviewInvoice computes the next documents of payers, and stores nothing.
func (o *Office) PreviewInvoice(ctx context.Context, r InvoiceOrder) (all []InvoicePreview, err error) {
	run, payers, end, err := o.invoicing(ctx, &r, true)
	if err != nil {
		return nil, err
	}
	defer end()
	until, _ := r.until()
	run.Ahead = true
	err = run.Preview(ctx, until, payers, func(c *invoicing.Computed) error {
		p := InvoicePreview{InvoicePayer{c.Closed.Payer, c.Closed.Cycle.From.String(), slices.Clone(c.Closed.Reasons)}, c.Documents}
		for _, why := range []string{c.Skipped, c.Closed.Waits} {
			if why != "" {
				p.Why = append(p.Why, why)
			}
		}
		all = append(all, p)
		return nil
	})
	return all, err
}

// errDry ends the transaction of a dry run.
var errDry = errors.New("dry run")

// problemOf turns an error about the state of a document into a Problem.
func problemOf(err error) error {
	var refused *invoicing.RefusedError
	var kept *invoicing.NotCreditedError
	var unknown *invoicing.UnknownError
	var final *invoicing.NotFinalError
	var broken *store.BrokenError
	switch {
	case errors.As(err, &broken):
		return broken
	case errors.As(err, &final):
		return &Problem{Conflict, final}
	case errors.As(err, &kept):
		return &Problem{Conflict, kept}
	case errors.As(err, &refused):
		return &Problem{Conflict, refused}
	case errors.As(err, &unknown):
		return &Problem{Missing, unknown}
	}
	return err
}

// firstOf returns the first date of an order's cycles.
func firstOf(cycle string, until registry.Date) registry.Date {
	if month, err := time.Parse("2006-01", cycle); err == nil {
		return dateOf(month)
	}
	return until
}

// FinaliseInvoices makes documents final, in the order of their payers' numbers: the documents listed in the order, or
// all of a cycle that can become final.
func (o *Office) FinaliseInvoices(ctx context.Context, names []string, r InvoiceOrder) (done []InvoiceSummary, refused []InvoicePayer,
	err error) {
	if err := invoicing.Migrate(ctx, o.Store.DB); err != nil {
		return nil, nil, err
	}
	who, err := o.invoiceActor(ctx, r.As)
	if err != nil {
		return nil, nil, err
	}
	defer who.close()
	ids, refused, err := o.toFinalise(ctx, who, names, &r)
	if err != nil {
		return nil, nil, problemOf(err)
	}
	catalogue, err := o.catalogueNow()
	if err != nil {
		return nil, nil, err
	}
	if catalogue == nil {
		return nil, nil, errNoCatalogue
	}
	if err := o.numbersAgain(ctx, ids, &r); err != nil {
		return nil, nil, err
	}
	reg, statements := registry.New(), registry.NewStatements()
	if _, err := o.Store.LoadAccounts(ctx, reg, statements); err != nil {
		return nil, nil, err
	}
	view := reg.View()
	defer view.Close()
	b := &invoicing.Basis{View: view, Statements: statements, Facts: view.Revision(), Catalogue: catalogue.Version(), Now: o.Now()}
	o.documents(ctx, b, catalogue)
	run := &invoicing.Run{DB: o.Store.DB, Basis: b, By: invoicing.By{Who: r.Who, Why: r.Why, At: o.Now()}, Progress: r.Progress,
		Settle:  o.settle(),
		Deliver: o.deliver}
	finalise := run.Finalise
	if r.DryRun {
		finalise = run.TryFinalise
	}
	err = finalise(ctx, ids, func(f invoicing.Finalised) error {
		if f.Err != nil {
			refused = append(refused, InvoicePayer{Account: f.Document.ID, Why: []string{f.Err.Error()}})
			return nil
		}
		done = append(done, summary(f.Document))
		return nil
	})
	return done, refused, err
}

// toFinalise returns the documents that are to become final, in the order of their payers' numbers: the documents
// listed in the order, or all of a cycle. If the order covers a whole cycle, held documents are refused.
func (o *Office) toFinalise(ctx context.Context, who *invoiceActor, names []string, r *InvoiceOrder) (ids []string,
	refused []InvoicePayer, err error) {
	type payerDocument struct {
		payer uint32
		id    string
	}
	var chosen []payerDocument
	var in *ordered
	if names == nil {
		if in, err = o.ordered(ctx, r); err != nil {
			return nil, nil, err
		}
	}
	err = o.Store.Change(ctx, "listing documents", func(tx *store.Tx) error {
		t := invoicing.Table{Tx: tx}
		ids, refused, chosen = nil, nil, nil
		if names != nil {
			for _, name := range names {
				s, err := t.Get(ctx, name)
				if err != nil {
					return err
				}
				if err := who.changes(s.Payer.Account); err != nil {
					return err
				}
				ids = append(ids, s.ID)
			}
			return nil
		}
		return in.each(ctx, t, func(l *invoicing.Listed) error {
			switch {
			case who.changes(l.Payer) != nil:
			case l.Broken != nil:
				if l.State != invoicing.Final && l.State != invoicing.Discarded {
					refused = append(refused, InvoicePayer{Account: l.ID, Cycle: l.Cycle.String(), Why: []string{l.Broken.Error()}})
				}
			case l.State == invoicing.Held:
				refused = append(refused, InvoicePayer{Account: l.ID, Cycle: l.Cycle.String(),
					Why: []string{fmt.Sprintf("it is held: %s", strings.Join(l.Reasons, "; "))}})
			case invoicing.Allows(l.State, invoicing.Finalise) || l.State == invoicing.Draft:
				chosen = append(chosen, payerDocument{l.PayerNumber, l.ID})
			}
			return nil
		})
	})
	if err == nil && in != nil {
		err = in.known(who, r)
	}
	slices.SortStableFunc(chosen, func(a, b payerDocument) int { return int(a.payer) - int(b.payer) })
	for _, c := range chosen {
		ids = append(ids, c.id)
	}
	return ids, refused, err
}

// Invoice returns a stored document by its id or number, as the provider or an account sees it.
func (o *Office) Invoice(ctx context.Context, name, as string) (s *invoicing.Stored, err error) {
	if err := invoicing.Migrate(ctx, o.Store.DB); err != nil {
		return nil, err
	}
	who, err := o.invoiceActor(ctx, as)
	if err != nil {
		return nil, err
	}
	defer who.close()
	err = o.Store.Change(ctx, "reading a document", func(tx *store.Tx) error {
		s, err = invoicing.Table{Tx: tx}.Get(ctx, name)
		return err
	})
	if err != nil {
		return nil, problemOf(err)
	}
	return s, who.sees(s.Payer.Account)
}

// Invoices returns the stored documents of an order's cycle, or of payers.
func (o *Office) Invoices(ctx context.Context, r InvoiceOrder) (all []InvoiceSummary, err error) {
	if err := o.migratePayments(ctx); err != nil {
		return nil, err
	}
	disputed, err := o.disputed(ctx)
	if err != nil {
		return nil, err
	}
	who, err := o.invoiceActor(ctx, r.As)
	if err != nil {
		return nil, err
	}
	defer who.close()
	in, err := o.ordered(ctx, &r)
	if err != nil {
		return nil, err
	}
	err = o.Store.Change(ctx, "listing documents", func(tx *store.Tx) error {
		all = []InvoiceSummary{}
		t := invoicing.Table{Tx: tx}
		if err := in.each(ctx, t, func(l *invoicing.Listed) error {
			if who.sees(l.Payer) == nil {
				i := listed(l)
				i.Disputed = disputed[l.ID].amount
				i.Error = cmp.Or(i.Error, disputed[l.ID].unreadable)
				all = append(all, i)
			}
			return nil
		}); err != nil {
			return err
		}
		held, err := in.held(ctx, t)
		for _, c := range held {
			if who.sees(c.Payer) == nil {
				all = append(all, heldClose(c))
			}
		}
		return err
	})
	return all, err
}

// CreditInvoice creates a credit note for parts of a final document, and makes it final.
func (o *Office) CreditInvoice(ctx context.Context, name string, takes []document.Take, r InvoiceOrder) (*InvoiceSummary, error) {
	if err := given(r.Why); err != nil && !r.DryRun {
		return nil, err
	}
	if err := invoicing.Migrate(ctx, o.Store.DB); err != nil {
		return nil, err
	}
	who, err := o.invoiceActor(ctx, r.As)
	if err != nil {
		return nil, err
	}
	defer who.close()
	var id string
	var credit InvoiceSummary
	err = o.Store.Change(ctx, "making a credit note", func(tx *store.Tx) error {
		if err := who.changesDocument(ctx, invoicing.Table{Tx: tx}, name); err != nil {
			return err
		}
		s, err := invoicing.Table{Tx: tx}.Credit(ctx, name, takes, invoicing.By{Who: r.Who, Why: r.Why, At: o.Now()})
		if err != nil {
			return err
		}
		id, credit = s.ID, summary(s)
		if r.DryRun {
			return errDry
		}
		return nil
	})
	if r.DryRun && errors.Is(err, errDry) {
		return &credit, nil
	}
	if err != nil {
		return nil, problemOf(err)
	}
	done, refused, err := o.FinaliseInvoices(ctx, []string{id}, r)
	if err == nil && len(refused) > 0 {
		err = conflict("%s", strings.Join(refused[0].Why, "; "))
	}
	if err != nil {
		return nil, err
	}
	return &done[0], nil
}
