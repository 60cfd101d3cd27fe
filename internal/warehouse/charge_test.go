package warehouse_test

import (
	"fmt"
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/decimal"
	"ratemill/internal/proof/seeds"
	"ratemill/internal/warehouse"
	"ratemill/rating"
)

// The columns of a charge have the values that rating's own reader finds in its message.
func TestColumnsOfCharge(t *testing.T) {
	for seed := range seeds.Each(t, 1000, 1000) {
		r := rand.New(rand.NewSource(int64(seed)))
		u := random(r, 1)
		c := chargeOf(&u, r.Intn(3), fmt.Sprintf("%d.%06d", r.Intn(1000), r.Intn(1e6)))
		c.Cycle, c.Rest = int32(r.Intn(40000)-20000), decimal.MustParse(fmt.Sprintf("-0.%012d", r.Intn(1e9)))
		for range r.Intn(3) {
			c.Draws = append(c.Draws, rating.Draw{Bucket: "more", Cycle: -1, Size: 1 << 40, Drawn: r.Int63()})
		}
		message := rating.AppendCharge(nil, &c)
		require.NoError(t, rating.ParseCharge(message, &c))
		var covered int64
		for _, d := range c.Draws {
			covered += d.Drawn
		}
		got, err := warehouse.ColumnsOfCharge(message)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(c.Tier, c.Account, c.Plan, c.PlanVersion, c.Price, c.Currency, c.Cycle, c.Zone, c.Rounded, covered, c.Total,
			c.Rest), got)
		_, err = warehouse.ColumnsOfCharge(message[:len(message)-1])
		require.Error(t, err)
	}
}
