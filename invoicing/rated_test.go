package invoicing

import (
	"bytes"
	"encoding/csv"
	"strconv"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/rating"
	"ratemill/udr"
)

// rate rates the usage of a case (rated.csv: offset, imsi, class, quantity, at and, where zones need it, country) by its catalogue, with
// all that is known, so that its documents have what rating charges.
func (k *kase) rate(data []byte) {
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	require.NoError(k.t, err)
	view := k.registry.View()
	defer view.Close()
	engine, counters, res := rating.NewEngine(k.catalogue(view.Revision())), rating.NewCounters(), &rating.Result{}
	res.Begin(counters)
	for _, row := range rows[1:] {
		u := udr.Usage{Seq: uint64(len(k.charges) + 1), Class: row[2], Unit: udr.Octet,
			Identifier: udr.Identifier{Kind: udr.IMSI, Value: row[1]}}
		if u.Class == "sms_mo" {
			u.Unit = udr.Count
		}
		if len(row) > 5 {
			u.Country = row[5]
		}
		offset, err := strconv.ParseInt(row[0], 10, 64)
		require.NoError(k.t, err)
		u.Quantity, err = strconv.ParseInt(row[3], 10, 64)
		require.NoError(k.t, err)
		at, err := time.Parse(time.RFC3339, row[4])
		require.NoError(k.t, err)
		u.At = udr.InstantOf(at)
		var ok bool
		u.SIM, ok = view.SIM(u.Identifier, u.At, view.Revision())
		require.True(k.t, ok, row)
		n := len(res.Charges)
		require.NoError(k.t, engine.Rate(view, view.Revision(), counters, &u, res))
		for i := n; i < len(res.Charges); i++ {
			c := &res.Charges[i]
			class, unit, records, quantity := c.Counts(&u)
			k.charges = append(k.charges, charged{offset, Charged{Account: c.Account, Tier: c.Tier, Class: class, Unit: unit, Plan: c.Plan,
				PlanVersion: c.PlanVersion, Zone: c.Zone, Tariff: c.Price, Currency: c.Currency, Cycle: Date(c.Cycle), Records: records,
				Quantity: quantity, Amount: c.Total}})
		}
	}
}
