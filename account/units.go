package account

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"ratemill/internal/consumer"
	"ratemill/internal/ratedlog"
	"ratemill/rating"
	"ratemill/udr"
)

// UnitsKind is the origin of units.
type UnitsKind string

// The kinds of units.
const (
	PoolUnits    UnitsKind = "pool"    // from a share plan
	PackageUnits UnitsKind = "package" // bought by an account or a SIM
	AddonUnits   UnitsKind = "addon"   // from an add-on that an account has
)

// UnitsOwner is the account or SIM that owns units.
type UnitsOwner struct {
	SIM    bool
	Number uint32
}

// UnitsKey identifies counted units.
type UnitsKey struct {
	UnitsOwner
	Kind    UnitsKind
	Name    string // share plan, NAME/INSTANCE of a package, or add-on
	Bucket  string // "" for the package as a whole
	Cap     bool   // units that are free beyond those of the bucket
	Period  uint8  // kind of period of a pool, as in message Draw
	Cycle   int32  // date on which the cycle or period begins, in days since 1970-01-01; 0 for a package
	Renewal int64  // of a package
}

// Compare orders keys as the table's primary key does.
func (k UnitsKey) Compare(o UnitsKey) int {
	return cmp.Or(bit(k.SIM)-bit(o.SIM), cmp.Compare(k.Number, o.Number), cmp.Compare(k.Kind, o.Kind), cmp.Compare(k.Name, o.Name),
		cmp.Compare(k.Bucket, o.Bucket), bit(k.Cap)-bit(o.Cap), cmp.Compare(k.Period, o.Period), cmp.Compare(k.Cycle, o.Cycle),
		cmp.Compare(k.Renewal, o.Renewal))
}

// Units holds the used units as of the last record that drew some. A draw contains the number of units used
// before it, so the result is right even if earlier draws were not counted.
type Units struct {
	Size, Used int64
	FirstAt    udr.Instant // time of the earliest usage that drew units; for the package as a whole, of its first use or renewal
}

// merge adds the values of a later record.
func (u Units) merge(later Units) Units {
	if u.FirstAt != 0 && (later.FirstAt == 0 || u.FirstAt < later.FirstAt) {
		later.FirstAt = u.FirstAt
	}
	return later
}

// UnitRows stores units of a partition, in a transaction T.
type UnitRows[T any] interface {
	// SaveUnits merges units into the stored units.
	SaveUnits(ctx context.Context, tx T, partition int, keys []UnitsKey, units map[UnitsKey]*Units) error
	// CountedUnits records that units are counted up to an offset.
	CountedUnits(ctx context.Context, tx T, span consumer.Span, now udr.Instant) error
}

// drawn collects the units that a block drew.
type drawn[T any] struct {
	rows  UnitRows[T]
	now   func() udr.Instant
	units map[UnitsKey]*Units // pointers, because an assignment would replace the key with one that points into the current message
	text  func(string) string
}

// Count makes the effect store how many units of accounts and packages are used, in the transaction of the
// balances.
func (e *Effect[T]) Count(rows UnitRows[T], now func() udr.Instant) *Effect[T] {
	e.drawn = &drawn[T]{rows: rows, now: now, units: map[UnitsKey]*Units{}, text: e.text}
	return e
}

func (d *drawn[T]) reset() { clear(d.units) }

// charge counts the units that a charge drew.
func (d *drawn[T]) charge(a *rating.Amount, u *udr.Usage) {
	for i := range a.Draws {
		x := &a.Draws[i]
		k := UnitsKey{UnitsOwner: UnitsOwner{x.Kind.PerSIM(), x.Owner}, Bucket: x.Bucket, Renewal: x.Renewal}
		switch {
		case x.Share != "":
			k.Kind, k.Name, k.Period, k.Cycle = PoolUnits, x.Share, x.PeriodNumber(), x.Cycle
		case x.OfPackage():
			k.Kind, k.Name, k.Cap = PackageUnits, x.Package, x.Cap()
		default:
			k.Kind, k.Name, k.Cycle = AddonUnits, x.Package, x.Cycle
		}
		units := Units{Size: x.Size, Used: x.Before + x.Taken()}
		if x.Drawn > 0 {
			units.FirstAt = u.At
		}
		d.add(k, units)
		if k.Kind == PackageUnits && x.Drawn > 0 && x.Renewal == 0 {
			k.Bucket, k.Cap = "", false
			d.add(k, Units{FirstAt: u.At})
		}
	}
}

func (d *drawn[T]) add(k UnitsKey, u Units) {
	known := d.units[k]
	if known == nil {
		k.Name, k.Bucket, known = d.text(k.Name), d.text(k.Bucket), &Units{}
		d.units[k] = known
	}
	*known = known.merge(u)
}

// renewals counts the renewals on use-up of a record. They are events.
func (d *drawn[T]) renewals(r *ratedlog.RatedRecord) error {
	for _, event := range r.Events {
		x, ok, err := rating.ParseRenewed(event)
		if err != nil {
			return err
		}
		if ok {
			d.add(UnitsKey{UnitsOwner: UnitsOwner{x.SIM, x.Owner}, Kind: PackageUnits, Name: x.Package, Renewal: x.Number}, Units{FirstAt: x.At})
		}
	}
	return nil
}

func (d *drawn[T]) apply(ctx context.Context, tx T, span consumer.Span) error {
	keys := slices.SortedFunc(maps.Keys(d.units), UnitsKey.Compare)
	if err := d.rows.SaveUnits(ctx, tx, span.Partition, keys, d.units); err != nil {
		return err
	}
	return d.rows.CountedUnits(ctx, tx, span, d.now())
}
