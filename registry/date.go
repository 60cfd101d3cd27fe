package registry

import (
	"fmt"
	"time"
)

// Date is a local date, in days since 1970-01-01.
type Date int32

// InYears reports whether a time that somebody wrote is in the years that ratemill accepts, 1970 to 2199. An instant
// counts nanoseconds, so much later years would overflow.
func InYears(t time.Time) bool { return t.Year() >= 1970 && t.Year() <= 2199 }

const dateSeconds = 24 * 60 * 60

// String returns the date in the form 2026-04-01.
func (d Date) String() string { return d.UTC().Format(time.DateOnly) }

// UTC returns the beginning of the date in UTC, for functions that take a time.
func (d Date) UTC() time.Time { return time.Unix(int64(d)*dateSeconds, 0).UTC() }

// MarshalText implements encoding.TextMarshaler.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Date) UnmarshalText(text []byte) error {
	t, err := time.Parse(time.DateOnly, string(text))
	if err != nil {
		return fmt.Errorf("%q is not a date; write it as 2026-04-01", text)
	}
	*d = Date(t.Unix() / dateSeconds)
	return nil
}
