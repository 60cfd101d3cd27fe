package backoffice

import (
	"context"
	"slices"
	"time"

	"ratemill/account"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

// unitsUsed holds the units of an account and of its packages that usage drew, as the role account counted them.
type unitsUsed struct {
	units   map[account.UnitsKey]account.Units
	last    map[account.UnitsKey]account.Units // units of the last renewal that drew any; the keys have no renewal
	counted *account.Counted                   // from the account's partition; nil: nothing was counted
	known   map[registry.Revision]time.Time
	first   func(*hasPackage) registry.Revision // when a package became known
}

// unitsUsed reads the units of an account and of packages.
func (o *Office) unitsUsed(ctx context.Context, r *reading, id string, packages []hasPackage) (*unitsUsed, error) {
	own := r.book.Account(id, r.at)
	owners := []account.UnitsOwner{{Number: own.Number}}
	for i := range packages {
		if packages[i].owner != owners[0] {
			owners = append(owners, packages[i].owner)
		}
	}
	slices.SortFunc(owners, func(a, b account.UnitsOwner) int { return int(a.Number) - int(b.Number) })
	used, err := o.readUnits(ctx, own.Partition, slices.Compact(owners))
	if err != nil || used.counted == nil || used.counted.From == 0 {
		return used, err
	}
	used.first = func(b *hasPackage) (first registry.Revision) {
		for _, s := range r.statements.Told(registry.KindPackage, b.subject) {
			if s.Name == b.Name && (first == 0 || s.Known < first) {
				first = s.Known
			}
		}
		return first
	}
	revisions, err := o.Store.RegistryRevisions(ctx, 0)
	for _, c := range revisions {
		used.known[c.Revision] = c.At
	}
	return used, err
}

// readUnits reads the units that were counted in a partition.
func (o *Office) readUnits(ctx context.Context, partition int, owners []account.UnitsOwner) (*unitsUsed, error) {
	if err := account.Migrate(ctx, o.Store.DB); err != nil {
		return nil, err
	}
	stored, err := account.UnitsOf(ctx, o.Store.DB, owners)
	if err != nil {
		return nil, err
	}
	partitions, err := account.UnitsCounted(ctx, o.Store.DB)
	if err != nil {
		return nil, err
	}
	used := &unitsUsed{units: map[account.UnitsKey]account.Units{}, last: map[account.UnitsKey]account.Units{},
		known: map[registry.Revision]time.Time{}}
	if c, ok := partitions[partition]; ok {
		used.counted = &c
	}
	for _, u := range stored {
		if u.Partition == partition {
			used.units[u.UnitsKey] = u.Units
			k := u.UnitsKey
			k.Renewal = 0
			used.last[k] = u.Units // units are in the order of renewals
		}
	}
	return used, nil
}

// asOf returns the time of the last counted usage.
func (x *unitsUsed) asOf() string {
	if x.counted == nil {
		return ""
	}
	return x.counted.Stored.Time().UTC().Format(time.RFC3339)
}

// key returns the counter key of a bucket of a package.
func (b *hasPackage) key(bucket string, capped bool, renewal int64) account.UnitsKey {
	return account.UnitsKey{UnitsOwner: b.owner, Kind: account.PackageUnits, Name: b.Name, Bucket: bucket, Cap: capped, Renewal: renewal}
}

// of returns the effect of usage on a package; false if usage may have drawn units of it that were not counted.
func (x *unitsUsed) of(b *hasPackage) (use rating.Use, counted bool) {
	use.First = x.units[b.key("", false, 0)].FirstAt
	for n := int64(1); ; n++ {
		renewed, ok := x.units[b.key("", false, n)]
		if !ok {
			break
		}
		use.Renewals = append(use.Renewals, renewed.FirstAt)
	}
	if x.counted == nil {
		return use, false
	}
	return use, x.counted.From == 0 || !x.known[x.first(b)].Before(x.counted.Begun.Time())
}

// again returns how many times a package may renew on use-up in the billing cycle of a time; nil if there is no
// limit, or it is unknown.
func (x *unitsUsed) again(b *hasPackage, p *rating.Package, owner *registry.Account, at udr.Instant, counted bool) *int {
	left := 0
	switch {
	case b.Renewal == registry.NeverRenews || at >= b.Stops:
	case b.Renewal == registry.OnExpiry || !counted:
		return nil
	default:
		left = p.AtMost()
		first, next := owner.CycleOf(registry.LocalDate(owner.Zone, at))
		use, _ := x.of(b)
		for _, renewed := range use.Renewals {
			if on := registry.LocalDate(owner.Zone, renewed); on >= first && on < next {
				left--
			}
		}
		left = max(0, left)
	}
	return &left
}

// bucket returns a bucket of a package with its units.
func (x *unitsUsed) bucket(b *hasPackage, p *rating.Package, of rating.Bucket, stand rating.Stand, percent int, counted bool,
	at udr.Instant) PackageUnits {
	u := PackageUnits{Bucket: of.Name, Unit: unitText(of.Unit), Size: of.Size}
	renewal := stand.Renewal
	if b.Renewal == registry.OnUseUp { // one counter for all renewals
		u.Size *= stand.Renewal + 1
		renewal = -1
		if units, ok := x.drawn(b, of, false, renewal); ok {
			u.Size = max(u.Size, units.Size) // some renewals may not have been counted
		}
	}
	ended := at >= b.Until
	drawn := func(capped bool, size int64, over bool) (used, left *int64) {
		units, ok := x.drawn(b, of, capped, renewal)
		if !ok && !counted {
			return nil, nil
		}
		n := max(0, size-units.Used)
		if over || ended {
			n = 0
		}
		return &units.Used, &n
	}
	u.Used, u.Left = drawn(false, u.Size, stand.Over)
	if size := p.CapOf(of, percent); size > 0 {
		_, u.CapLeft = drawn(true, size, stand.Lapsed)
	}
	return u
}

// drawn returns the units drawn from a bucket, or from what is free beyond it; renewal -1 is the last one.
func (x *unitsUsed) drawn(b *hasPackage, of rating.Bucket, capped bool, renewal int64) (units account.Units, ok bool) {
	from := x.units
	if renewal < 0 {
		from, renewal = x.last, 0
	}
	if units, ok = from[b.key(of.Name, capped, renewal)]; !ok && of.Formerly != "" {
		units, ok = from[b.key(of.Formerly, capped, renewal)]
	}
	return units, ok
}

func unitText(u udr.Unit) string {
	if u > udr.Second {
		return ""
	}
	return u.String()
}
