package golden

import (
	"context"
	"strconv"

	"ratemill/internal/backoffice"
)

// units returns the packages of accounts and of their SIMs, and the pools, with their used and remaining units.
func (t *lifeTables) units(ctx context.Context) error {
	var ids []string // first, so that no view is open while the office queries the store
	view := t.registry.View()
	for n := uint32(1); n <= view.Accounts(); n++ {
		id, _ := view.AccountID(n)
		ids = append(ids, id)
	}
	view.Close()
	number := func(n *int64) string {
		if n == nil {
			return ""
		}
		return strconv.FormatInt(*n, 10)
	}
	var packages, pools [][]string
	for _, id := range ids {
		has, err := t.office.ListPackages(ctx, id, backoffice.AccountQuestion{})
		if err != nil {
			return err
		}
		for _, p := range has {
			renewed := ""
			if p.Renewed != nil {
				renewed = strconv.Itoa(*p.Renewed)
			}
			for _, u := range p.Buckets {
				packages = append(packages, []string{id, p.SIM, p.Package, p.Status, u.Bucket, strconv.FormatInt(u.Size, 10), number(u.Used),
					number(u.Left), number(u.CapLeft), p.From, p.Ends, renewed})
			}
		}
		units, err := t.office.AccountUnits(ctx, backoffice.BalancesRequest{Account: id})
		if err != nil {
			return err
		}
		for _, u := range units {
			pools = append(pools, []string{id, u.Kind, u.Name, u.Bucket, u.Period, u.From, strconv.FormatInt(u.Size, 10), number(u.Used),
				number(u.Left)})
		}
	}
	t.got["packages"] = text([]column{{"account", true}, {"sim", false}, {"package", true}, {"status", true}, {"bucket", true}, {"size", true},
		{"used", true}, {"left", true}, {"cap_left", false}, {"from", true}, {"ends", true}, {"renewed", false}}, packages)
	t.got["pools"] = text(kept("account", "kind", "name", "bucket", "period", "from", "size", "used", "left"), pools)
	return nil
}
