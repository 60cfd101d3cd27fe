package backoffice

import (
	"context"
	"slices"

	"ratemill/account"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

// AccountUnits holds the units of a bucket that an account has in a billing cycle, or in a period of another
// length.
type AccountUnits struct {
	Account string `json:"account"`
	Kind    string `json:"kind"` // pool, addon
	Name    string `json:"name"` // name of the share plan or the add-on
	Bucket  string `json:"bucket"`
	Period  string `json:"period"` // how long the units last: cycle, day, week, month, contract year
	From    string `json:"from"`   // its first day
	Size    int64  `json:"size"`
	Used    *int64 `json:"used,omitempty"` // nil if unknown
	Left    *int64 `json:"left,omitempty"`
	Unit    string `json:"unit"`
	AsOf    string `json:"as_of,omitempty"` // when the last usage was counted; empty: no usage was counted
}

// AccountUnits returns the units of an account's pools and add-ons, as of now or as of the end of the billing cycle
// that contains a day.
func (o *Office) AccountUnits(ctx context.Context, r BalancesRequest) ([]AccountUnits, error) {
	catalogue, err := o.catalogueNow()
	if err != nil || catalogue == nil {
		return nil, err
	}
	view, err := o.view(ctx)
	if err != nil {
		return nil, err
	}
	defer view.Close()
	k := registryAt{view, view.Revision(), udr.InstantOf(o.Now())}
	number, err := k.account(r.Account)
	if err != nil {
		return nil, err
	}
	own, ok := view.Account(number, k.at, k.rev)
	if !ok {
		return nil, nil // the account does not exist yet
	}
	if !r.Day.IsZero() {
		_, next := own.CycleOf(int32(r.Day.Unix() / (24 * 60 * 60)))
		k.at = min(k.at, registry.Midnight(own.Zone, next)-1)
		if own, ok = view.Account(number, k.at, k.rev); !ok {
			return nil, nil
		}
	}
	used, err := o.readUnits(ctx, own.Partition, []account.UnitsOwner{{Number: number}})
	if err != nil {
		return nil, err
	}
	x := &accountUnits{used: used, account: own}
	names := catalogue.PoolsOf(view, number, k.at, k.rev)
	sold := len(names)
	for _, name := range catalogue.ByParticipation() {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	reader := rating.NewPoolReader(catalogue)
	for i, name := range names {
		for _, u := range reader.Units(view, k.rev, name, own, k.at) {
			x.add(account.PoolUnits, name, u, i >= sold)
		}
	}
	first, _ := own.CycleOf(registry.LocalDate(own.Zone, k.at))
	for _, b := range view.Bought(false, number, k.at, k.rev, nil) {
		if b.Kind != registry.KindAddon || k.at >= b.Until {
			continue
		}
		for _, bucket := range catalogue.AddonBuckets(rating.PackageOf(b.Name), k.at, own.Zone) {
			bucket.Size *= b.Quantity
			x.add(account.AddonUnits, b.Name, rating.PoolUnits{Bucket: bucket, Period: "cycle", First: first}, false)
		}
	}
	return x.all, nil
}

// accountUnits collects the units of an account.
type accountUnits struct {
	used    *unitsUsed
	account *registry.Account
	all     []AccountUnits
}

// add adds a bucket. A bucket that exists only if SIMs participate is left out while it is empty.
func (x *accountUnits) add(kind account.UnitsKind, name string, of rating.PoolUnits, participates bool) {
	u := AccountUnits{Account: x.account.ID, Kind: string(kind), Name: name, Bucket: of.Name, Period: of.Period,
		From: registry.Date(of.First).String(),
		Size: of.Size, Unit: unitText(of.Unit), AsOf: x.used.asOf()}
	stored, ok := account.Units{}, false
	for _, bucket := range []string{of.Name, of.Formerly} {
		if stored, ok = x.used.units[account.UnitsKey{UnitsOwner: account.UnitsOwner{Number: x.account.Number}, Kind: kind, Name: name,
			Bucket: bucket, Period: of.Number, Cycle: of.First}]; ok {
			break
		}
	}
	if participates && !ok && of.Size == 0 {
		return
	}
	c := x.used.counted
	if ok || c != nil && (c.From == 0 || of.First > registry.LocalDate(x.account.Zone, c.Begun)) {
		left := max(0, of.Size-stored.Used)
		u.Used, u.Left = &stored.Used, &left
	}
	x.all = append(x.all, u)
}
