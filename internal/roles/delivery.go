package roles

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"ratemill/account"
	"ratemill/decimal"
	"ratemill/internal/backoff"
	"ratemill/internal/channels"
	"ratemill/internal/config"
	"ratemill/internal/engines"
	"ratemill/internal/metric"
	"ratemill/internal/project"
	"ratemill/internal/store"
	"ratemill/invoicing"
	"ratemill/invoicing/delivery"
	"ratemill/invoicing/document"
	"ratemill/invoicing/form"
	"ratemill/invoicing/payment"
	"ratemill/registry"
	"ratemill/udr"
)

// Delivery is the role that delivers final documents, and applies payments that imports of the registry state.
var Delivery = Role{
	Name: "delivery", Metrics: []*metric.Section{delivery.Metrics}, Begin: beginDelivery,
	Work: Work{Title: "delivery: documents", Done: delivery.SentTotal},
}

// deliveries runs the deliveries of this process.
type deliveries struct {
	n          *Node
	deliverer  *delivery.Deliverer
	payments   payment.Book
	statements *registry.Statements
	folded     registry.Revision // of the facts

	reading sync.Mutex
	details *registry.Statements // names of accounts

	mu   sync.Mutex
	sent map[delivery.Channel]int
}

func beginDelivery(ctx context.Context, n *Node) (*Running, error) {
	err := n.WaitFor(ctx, engines.Control, func() error {
		return errors.Join(account.Migrate(ctx, n.Store.DB), invoicing.Migrate(ctx, n.Store.DB), delivery.Migrate(ctx, n.Store.DB))
	})
	if err != nil {
		return nil, err
	}
	d := &deliveries{n: n, statements: registry.NewStatements(registry.KindPayment), sent: map[delivery.Channel]int{},
		details: registry.NewStatements(registry.KindDetails)}
	payers, statuses := account.CreditOfRole(n.given())
	settle := func(ctx context.Context, tx *store.Tx, payer uint32, currency string, amount decimal.D) error {
		if _, err := payers.Follow(ctx); err != nil {
			return err
		}
		return account.Table{}.Settle(ctx, tx, payers, statuses, payer, currency, decimal.Zero, amount)
	}
	d.payments = payment.Book{Number: d.number, Settle: settle}
	forms, err := d.forms()
	if err != nil {
		return nil, err
	}
	senders, err := n.senders(forms)
	if err != nil {
		return nil, err
	}
	d.deliverer = &delivery.Deliverer{
		Table: delivery.Table{DB: n.Store.DB}, Documents: d.document, Senders: senders, Now: n.LedgerTime.Now, Log: n.Log, Sent: d.count,
		Files: &delivery.Files{DB: n.Store.DB, Dir: n.Config.Invoicing.Documents, Make: forms.Make, Now: n.LedgerTime.Now},
		Missing: map[delivery.Channel]string{
			delivery.Email:    "no mail server is configured: write invoicing.mail.host",
			delivery.Hardcopy: "no folder for print files is configured: write invoicing.print",
			delivery.EInvoice: "no folder for electronic invoices is configured: write invoicing.e_invoices",
		},
	}
	return &Running{Run: d.run, Metrics: d.metrics}, nil
}

// number returns the number of an account.
func (d *deliveries) number(id string) (uint32, bool) {
	view := d.n.reference.reg.View()
	defer view.Close()
	return view.AccountNumber(id)
}

// document returns a final document.
func (d *deliveries) document(ctx context.Context, id string) (of *document.Document, err error) {
	err = d.n.Store.Change(ctx, "reading a document", func(tx *store.Tx) error {
		s, err := invoicing.Table{Tx: tx}.Get(ctx, id)
		if err == nil {
			of = &s.Document
		}
		return err
	})
	if err == nil && of.Number == "" {
		err = fmt.Errorf("document %s is not final", id)
	}
	return of, err
}

func (d *deliveries) forms() (*project.Forms, error) {
	c := &d.n.Config.Invoicing.PDF
	printer, err := form.New(form.Options{Command: c.Command, Timeout: c.Timeout})
	return &project.Forms{Project: d.n.Project, Printer: printer, Names: d.names, Issued: d.issued}, err
}

// issued returns the date of issue of the document that another document corrects.
func (d *deliveries) issued(ctx context.Context, number string, of *document.Document) (on document.Date, err error) {
	err = d.n.Store.Change(ctx, "reading a document", func(tx *store.Tx) error {
		payer, ok := d.number(of.Payer.Account)
		if !ok {
			return fmt.Errorf("there is no account %s", of.Payer.Account)
		}
		r, err := payment.Find(ctx, tx, number, payer)
		if err == nil {
			on = r.Issued
		}
		return err
	})
	return on, err
}

// names returns the names of the accounts on a document, for display.
func (d *deliveries) names(ctx context.Context, of *document.Document) (map[string]string, error) {
	d.reading.Lock()
	defer d.reading.Unlock()
	if _, err := d.n.Store.LoadStatements(ctx, d.details); err != nil { // facts that became known since the previous document
		return nil, err
	}
	return account.NamesOf(of.Accounts(), d.details, udr.InstantOf(d.n.LedgerTime.Now())), nil
}

// senders returns the channels that are configured. Payers' servers need no configuration.
func (n *Node) senders(forms *project.Forms) (map[delivery.Channel]delivery.Sender, error) {
	c := &n.Config.Invoicing
	all := map[delivery.Channel]delivery.Sender{
		delivery.SFTP: &channels.SFTP{Private: c.AllowPrivate, Secrets: c.Secrets, Timeout: 30 * time.Second},
	}
	if c.Print != "" {
		all[delivery.Hardcopy] = &channels.Folder{Dir: c.Print, Kind: delivery.PDF}
	}
	if c.EInvoices != "" {
		all[delivery.EInvoice] = &channels.Folder{Dir: c.EInvoices, Kind: delivery.UBL, Lack: func(p *delivery.Package) string {
			return forms.NoUBL(context.Background(), p.Document)
		}}
	}
	m := &c.Mail
	if m.Host == "" {
		return all, nil
	}
	password, err := config.Secret(m.PasswordFile, m.PasswordEnv)
	if err != nil {
		return nil, fmt.Errorf("invoicing.mail: %w", err)
	}
	trust, err := config.TLS{CAFile: m.CAFile}.Client(true)
	if err != nil {
		return nil, fmt.Errorf("invoicing.mail: %w", err)
	}
	all[delivery.Email] = &channels.Mail{Host: m.Host, Port: m.Port, TLS: m.TLS, Trust: trust, User: m.User, Password: password,
		Timeout: m.Timeout,
		Write: func(p *delivery.Package) (delivery.Letter, error) {
			seller, err := forms.Seller(p.Document)
			if err != nil {
				return delivery.Letter{}, err
			}
			return delivery.Write(p.Document, seller, m.From), nil
		}}
	return all, nil
}

// lookForDeliveries is the interval at which the role looks for due deliveries.
const lookForDeliveries = time.Second

func (d *deliveries) run(ctx context.Context) error {
	absence := backoff.Absence{Backoff: backoff.Backoff{First: time.Second, Most: 20 * time.Second, Random: rand.Float64}}
	for ctx.Err() == nil {
		pause := lookForDeliveries
		switch err := d.work(ctx); {
		case err == nil, errors.Is(err, store.ErrConflict): // another process was faster; the next run sees it
			absence.Worked(time.Now(), d.n.Log, "documents are being delivered again")
		case ctx.Err() == nil:
			pause = absence.Failed(time.Now(), d.n.Log, "documents cannot be delivered at the moment; deliveries wait", err)
		}
		_ = clock{}.Sleep(ctx, pause)
	}
	return nil
}

func (d *deliveries) work(ctx context.Context) error {
	followed := d.follow(ctx)
	for {
		tried, err := d.deliverer.Deliver(ctx)
		if tried == 0 || err != nil {
			return errors.Join(followed, err)
		}
	}
}

// follow applies payments that imports stated.
func (d *deliveries) follow(ctx context.Context) error {
	to, err := d.n.Store.LoadStatements(ctx, d.statements)
	if err != nil || to == d.folded {
		return err
	}
	if err := d.n.reference.refresh(ctx); err != nil { // the accounts of these payments
		return err
	}
	wrong, err := d.payments.Follow(ctx, d.n.Store.DB, d.statements)
	for _, w := range wrong {
		d.n.Log.Warn("a fact of the registry is not a payment and counts for nothing; import it again", "why", w)
	}
	if err == nil {
		d.folded = to
	}
	return err
}

func (d *deliveries) count(c delivery.Channel) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sent[c]++
}

func (d *deliveries) metrics(ctx context.Context, put metric.Scrape) {
	d.mu.Lock()
	for _, c := range delivery.Channels {
		put.Put(delivery.SentTotal, float64(d.sent[c]), string(c))
	}
	d.mu.Unlock()
	waits, err := delivery.Table{DB: d.n.Store.DB}.Waits(ctx, d.n.LedgerTime.Now())
	if err != nil {
		return
	}
	put.Put(delivery.Waiting, float64(waits.Waiting))
	put.Put(delivery.FailedNow, float64(waits.Failed))
	put.Put(delivery.Doubtful, float64(waits.Unclear))
	put.Put(delivery.Oldest, waits.Oldest.Seconds())
}
