package account

import (
	"cmp"
	"fmt"
	"math"
	"time"

	"ratemill/decimal"
	"ratemill/udr"
)

// Key identifies a balance. Cycle is the account's billing cycle, taken from the charge.
type Key struct {
	Account  uint32 // who pays
	Cycle    int32  // first day of the cycle, local to the account, in days since 1970-01-01
	Tier     uint8  // 0: usage of the account's own SIMs, by their plans; 1, 2, …: usage of accounts below, by the account's own plan
	Currency string
	Class    string
	Unit     udr.Unit
}

// Compare orders keys by account, cycle, tier, currency, class and unit.
func (k Key) Compare(other Key) int {
	return cmp.Or(cmp.Compare(k.Account, other.Account), cmp.Compare(k.Cycle, other.Cycle), cmp.Compare(k.Tier, other.Tier),
		cmp.Compare(k.Currency, other.Currency), cmp.Compare(k.Class, other.Class), cmp.Compare(k.Unit, other.Unit))
}

// CycleStart is the first day of the cycle.
func (k Key) CycleStart() time.Time { return time.Unix(int64(k.Cycle)*24*60*60, 0).UTC() }

// Balance is the sum of the charges of a key.
type Balance struct {
	Records  int64 // number of charges
	Quantity int64 // as used
	Amount   decimal.D
}

// Plus returns the sum of two balances, or an error if a balance cannot hold it.
func (b Balance) Plus(c Balance) (Balance, error) {
	amount, err := b.Amount.Add(c.Amount)
	if err != nil {
		return b, fmt.Errorf("amounts %s and %s: %w", b.Amount, c.Amount, err)
	}
	if c.Quantity > 0 && b.Quantity > math.MaxInt64-c.Quantity || c.Quantity < 0 && b.Quantity < math.MinInt64-c.Quantity {
		return b, fmt.Errorf("quantities %d and %d add up to more than a balance can hold", b.Quantity, c.Quantity)
	}
	return Balance{b.Records + c.Records, b.Quantity + c.Quantity, amount}, nil
}
