package warehouse

import (
	"context"

	"ratemill/udr"
)

// Offset is the number of seconds by which an account's local time is ahead of UTC, with the interval in which it is
// valid.
type Offset struct {
	Seconds  int32
	From, To udr.Instant
}

// accountOffset is the cached offset of the last account, with its registry revision.
type accountOffset struct {
	Offset
	revision uint64
}

const daySeconds = 24 * 60 * 60

// day returns the local day of a usage record, as days since 1970-01-01. An account's offset stays the same for
// months, and all records of a file share a revision, so a row costs only a lookup in a slice.
func (r *rows) day(ctx context.Context, u *udr.Usage) (int32, error) {
	seconds := int64(u.At) / 1e9
	if int64(u.At)%1e9 < 0 {
		seconds--
	}
	if r.offset != nil {
		if int(u.Account) >= len(r.offsets) {
			r.offsets = append(r.offsets, make([]accountOffset, int(u.Account)+1-len(r.offsets))...)
		}
		known := &r.offsets[u.Account]
		if known.revision != r.origin.pin.Registry || u.At < known.From || u.At >= known.To {
			found, err := r.offset(ctx, u.Account, u.At, r.origin.pin.Registry)
			if err != nil {
				return 0, err
			}
			*known = accountOffset{found, r.origin.pin.Registry}
		}
		seconds += int64(known.Seconds)
	}
	day := seconds / daySeconds
	if seconds%daySeconds < 0 {
		day--
	}
	return int32(day), nil
}
