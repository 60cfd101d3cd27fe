package backoffice

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"ratemill/internal/control"
	"ratemill/internal/warehouse"
	"ratemill/invoicing"
	"ratemill/invoicing/document"
	"ratemill/invoicing/terms"
	"ratemill/registry"
	"ratemill/udr"
)

// doubting finds reasons to hold documents: incomplete files and records in suspense. It runs its queries once for
// all payers.
type doubting struct {
	office    *Office
	basis     *invoicing.Basis
	warehouse *warehouse.Warehouse
	some      bool // the basis has only the SIMs of some payers, so other SIMs are not unknown

	lock    sync.Mutex
	once    sync.Once
	err     error
	sources map[uint32][]string                 // by billing root
	files   map[string][]doubtfulFile           // by source
	waiting map[uint32][]warehouseSuspended     // by payer
	off     map[uint32]string                   // differences in the invoice balance, by payer
	bills   map[document.Date]map[uint32]string // by the end of a cycle and the payer: why a project with one bill would get several bills
	general []string                            // findings that do not concern a single payer
}

// doubtfulFile is an incomplete file, with the time since which it has been incomplete.
type doubtfulFile struct {
	since  time.Time
	reason string
}

// warehouseSuspended is the number of waiting records of a payer's SIMs.
type warehouseSuspended struct {
	cycle   registry.Date
	source  string
	records uint64
}

// of returns the reasons to hold the document of a payer that closes a cycle.
func (d *doubting) of(ctx context.Context, payer uint32, cycle document.Period, g *terms.Group) ([]string, error) {
	d.once.Do(func() { d.err = d.find(ctx) })
	if d.err != nil {
		return nil, d.err
	}
	var reasons []string
	if off := d.off[payer]; off != "" {
		reasons = append(reasons, off)
	}
	at := udr.InstantOf(cycle.To.UTC())
	if several := d.severalBills(cycle.To, at-1)[payer]; several != "" {
		reasons = append(reasons, several)
	}
	root, _, ok := d.basis.View.Root(payer, at-1, d.basis.Facts)
	if !ok {
		root = payer
	}
	for _, source := range d.sources[root] {
		for _, f := range d.files[source] {
			if f.since.Before(cycle.To.UTC().Add(24 * time.Hour)) {
				reasons = append(reasons, f.reason)
			}
		}
	}
	allowed := uint64(0)
	if g != nil {
		allowed = uint64(g.Hold.SuspenseRecords)
	}
	records, sources := uint64(0), []string{}
	for _, w := range d.waiting[payer] {
		if w.cycle < cycle.To {
			records += w.records
			sources = append(sources, w.source)
		}
	}
	if records > allowed {
		slices.Sort(sources)
		sources = slices.Compact(sources)
		reasons = append(reasons, fmt.Sprintf("%s of its SIMs in suspense (more than %d): ratemill suspense list --source %s",
			counted(int(records), "record"),
			allowed, strings.Join(sources, ", ")))
	}
	return reasons, nil
}

// severalBills returns, by payer, the reasons why projects with one bill would get several bills at the end of a
// cycle. Several workers call it at the same time.
func (d *doubting) severalBills(end document.Date, at udr.Instant) map[uint32]string {
	d.lock.Lock()
	defer d.lock.Unlock()
	if d.bills[end] == nil {
		d.bills[end] = registry.SeveralBills(d.basis.View, d.basis.Statements, at, d.basis.Facts)
	}
	return d.bills[end]
}

// findings returns the doubts that do not concern a single payer.
func (d *doubting) findings(ctx context.Context) ([]string, error) {
	d.once.Do(func() { d.err = d.find(ctx) })
	return d.general, d.err
}

func (d *doubting) find(ctx context.Context) error {
	d.bills = map[document.Date]map[uint32]string{}
	d.sources, d.files, d.waiting = map[uint32][]string{}, map[string][]doubtfulFile{}, map[uint32][]warehouseSuspended{}
	roots, err := d.warehouse.SourcesOfRoots(ctx, d.basis.Now.AddDate(0, -3, 0))
	if err != nil {
		return err
	}
	for _, r := range roots {
		d.sources[r.Root] = append(d.sources[r.Root], r.Source)
	}
	if d.off, err = d.office.offBalance(ctx, d.basis.View); err != nil {
		return err
	}
	if err := d.findFiles(ctx); err != nil {
		return err
	}
	return d.findSuspense(ctx)
}

func (d *doubting) doubt(source string, since time.Time, format string, args ...any) {
	d.files[source] = append(d.files[source], doubtfulFile{since, fmt.Sprintf(format, args...)})
}

// unfinished lists the states of incomplete files that an operator or a mediator can still read.
var unfinished = []control.FileState{control.Seen, control.Spooling, control.Reading, control.Failed, control.Refused}

func (d *doubting) findFiles(ctx context.Context) error {
	off, err := d.warehouse.OffBalance(ctx)
	if err != nil {
		return err
	}
	for _, f := range off {
		d.doubt(f.Source, f.Taken, "%s/%s: its balance is off by %d records and %d bytes: ratemill files show %s", f.Source,
			path.Base(f.Name),
			f.Difference, f.DifferenceBytes, path.Base(f.Name))
	}
	endless, err := d.warehouse.EndsMissing(ctx)
	if err != nil {
		return err
	}
	for _, f := range endless {
		d.doubt(f.Source, f.Last, "a file of %s has %d records here, but its end is missing: ratemill files list --source %s", f.Source,
			f.Records, f.Source)
	}
	files, err := d.office.Store.Files(ctx, control.FileFilter{States: unfinished, Limit: 10_000})
	if err != nil {
		return err
	}
	for i := range files {
		f := &files[i]
		if f.Source == "" || f.State == control.Failed && !f.Open || f.State == control.Refused {
			continue // an operator has decided, or the file never contained usage
		}
		d.doubt(f.Source, f.FirstSeen, "%s/%s is %s: ratemill files show %s", f.Source, path.Base(f.Path), f.State, path.Base(f.Path))
	}
	return nil
}

func (d *doubting) findSuspense(ctx context.Context) error {
	all, err := d.warehouse.WaitingRecords(ctx)
	if err != nil {
		return err
	}
	b := d.basis
	unknown := map[string]uint64{}
	for _, w := range all {
		at := udr.InstantOf(w.At)
		sim, ok := b.View.SIM(w.Identifier, at, b.Facts)
		owner, owned := b.View.Owner(sim, at, b.Facts)
		if !ok || !owned || w.Identifier.Value == "" {
			if !d.some {
				unknown[w.Source] += w.Records
			}
			continue
		}
		payer := registry.Payer(b.View, b.Statements, owner.Account, at, b.Facts)
		cycle := Date(at)
		d.waiting[payer] = append(d.waiting[payer], warehouseSuspended{cycle, w.Source, w.Records})
	}
	for source, records := range unknown {
		d.general = append(d.general, fmt.Sprintf("%s of %s in suspense without a known SIM: ratemill suspense list --source %s",
			counted(int(records), "record"), source, source))
	}
	slices.Sort(d.general)
	return nil
}
