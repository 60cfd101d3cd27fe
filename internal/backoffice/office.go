package backoffice

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"ratemill/account"
	"ratemill/internal/broker"
	"ratemill/internal/control"
	"ratemill/internal/warehouse"
	"ratemill/invoicing/form"
	"ratemill/rating"
	"ratemill/registry"
)

// Options are the inputs of an Office. Only the control store is always needed.
type Options struct {
	Store     *control.Store
	Warehouse func(context.Context) (*warehouse.Warehouse, error) // connects to the warehouse; called for each request that needs it
	Project   string                                              // the project's folder
	Topics    broker.Topics

	Installation account.Installation // the account features of the installation, without the documents of the catalogue

	InvoicesFrom registry.Date                    // the first date for which ratemill creates invoices; 0: from each account's beginning
	Sink         func(installation string) string // name of the warehouse's sink in the control store

	Documents string       // folder with the files of issued documents
	Print     form.Options // the printer of PDFs

	KeepMonths int // months of usage that the warehouse keeps; 0 keeps all

	Partitions int // partitions of the installation: an import distributes billing roots among them

	Now       func() time.Time  // clock; nil for the clock of this machine
	Catalogue *rating.Catalogue // nil for the present catalogue of Project
}

// Connected returns the Warehouse of Options if it is already connected.
func Connected(w *warehouse.Warehouse) func(context.Context) (*warehouse.Warehouse, error) {
	return func(context.Context) (*warehouse.Warehouse, error) { return w, nil }
}

// Office carries out orders and answers queries. Its methods can be called concurrently.
type Office struct {
	Options

	mu         sync.Mutex
	registry   *registry.Registry // as of the last request that read it
	catalogues map[string]*rating.Catalogue

	hasWarehouse bool // Options name one
}

// New returns an Office. It connects to nothing.
func New(o Options) (*Office, error) {
	if o.Store == nil {
		return nil, errors.New("back office: a control store is needed")
	}
	has := o.Warehouse != nil
	if !has {
		o.Warehouse = func(context.Context) (*warehouse.Warehouse, error) {
			return nil, errors.New("back office: this request needs a warehouse")
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Office{Options: o, registry: registry.New(), catalogues: map[string]*rating.Catalogue{}, hasWarehouse: has}, nil
}

// view returns the present registry; the caller closes it.
func (o *Office) view(ctx context.Context) (*registry.View, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, err := o.Store.LoadRegistry(ctx, o.registry); err != nil {
		return nil, err
	}
	return o.registry.View(), nil
}

// accounts returns the present registry without SIMs; the caller closes it.
func (o *Office) accounts(ctx context.Context) (*registry.View, error) {
	reg := registry.New()
	if _, err := o.Store.LoadAccounts(ctx, reg, registry.NewStatements(registry.KindStatus)); err != nil {
		return nil, err
	}
	return reg.View(), nil
}

// below returns the present registry with statements, limited to the parts that the given paying accounts need;
// without accounts, all of it. Close the view.
func (o *Office) below(ctx context.Context, payers []string) (*registry.View, *registry.Statements, error) {
	statements := registry.NewStatements()
	if len(payers) > 0 {
		reg := registry.New()
		if _, err := o.Store.LoadBelow(ctx, reg, statements, payers); err != nil {
			return nil, nil, err
		}
		return reg.View(), statements, nil
	}
	view, err := o.view(ctx)
	if err != nil {
		return nil, nil, err
	}
	if _, err := o.Store.LoadStatements(ctx, statements); err != nil {
		view.Close()
		return nil, nil, err
	}
	return view, statements, nil
}

// Problem is the refusal of a well-formed request whose assumptions are wrong, so that a user must look into it.
type Problem struct {
	Kind ProblemKind
	Err  error
}

// ProblemKind is the reason for refusing a request.
type ProblemKind string

// The kinds of problems.
const (
	Missing  ProblemKind = "missing"  // the object of the request does not exist, or has moved
	Conflict ProblemKind = "conflict" // the state of the object does not allow the request
	Invalid  ProblemKind = "invalid"  // the content of the request has mistakes
)

func (p *Problem) Error() string { return p.Err.Error() }
func (p *Problem) Unwrap() error { return p.Err }

func missing(format string, args ...any) error { return &Problem{Missing, fmt.Errorf(format, args...)} }
func conflict(format string, args ...any) error {
	return &Problem{Conflict, fmt.Errorf(format, args...)}
}

// given refuses an order without a reason.
func given(why string) error {
	if strings.TrimSpace(why) == "" {
		return errors.New("the reason is empty; it is kept for later questions")
	}
	return nil
}

// Moment formats a time as answers show it.
func Moment(t time.Time) string { return t.UTC().Format(time.DateTime) + "Z" }

// counted returns a number with the name of what is counted.
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
