package generate

import (
	"fmt"
	"time"
)

// Options define what to generate. Zero values mean the defaults that With sets.
type Options struct {
	Seed     uint64
	Records  int      // number of usage records in all files, including those sent twice, without headers and trailers
	SIMs     int      // of all carriers
	Accounts int      // of all carriers
	Sources  []string // names of carriers; default: all three

	// DuplicateShare is the share of records that repeat a record of an earlier file. SuspenseShare is the share
	// of records that cannot be rated: malformed lines, unknown record types, unknown SIMs. Less than 0 means none.
	DuplicateShare float64
	SuspenseShare  float64
	// Resend sends every n-th file again under another name; less than 0 means never.
	Resend int

	From           time.Time // the first day, in UTC
	Days           int
	RecordsPerFile int
	Plain          bool // leave out compression
	FirstSIM       int  // number of each carrier's first SIM, so that two sets of options can have different SIMs
	FirstFile      int  // number of each carrier's first file; default 1
}

// The defaults.
const (
	DefaultDuplicateShare = 0.02
	DefaultSuspenseShare  = 0.01
	DefaultDays           = 31
	DefaultRecordsPerFile = 20_000
	DefaultResend         = 50
)

// DefaultFrom is in a month in which Europe changes its clocks.
var DefaultFrom = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

// Carriers returns the names of the carriers.
func Carriers() []string {
	names := make([]string, len(carriers))
	for i := range carriers {
		names[i] = carriers[i].name
	}
	return names
}

// with fills in the defaults.
func (o Options) with() (Options, error) {
	if o.Records < 0 || o.SIMs < 0 || o.Accounts < 0 || o.Days < 0 || o.RecordsPerFile < 0 {
		return o, fmt.Errorf("generate: records, SIMs, accounts, days and records per file must be 0 or more")
	}
	if len(o.Sources) == 0 {
		o.Sources = Carriers()
	}
	if o.SIMs == 0 {
		o.SIMs = max(len(o.Sources)*10, min(o.Records/40, 1_000_000))
	}
	if o.FirstSIM < 0 || o.FirstFile < 0 || o.SIMs > mostSIMs || o.FirstSIM > mostSIMs-o.SIMs {
		return o, fmt.Errorf("generate: %d SIMs from number %d on do not fit the %d that phone numbers tell apart", o.SIMs, o.FirstSIM, mostSIMs)
	}
	o.FirstFile = orDefault(o.FirstFile, 1)
	if o.Accounts == 0 {
		o.Accounts = max(len(o.Sources)*4, min(o.SIMs/100, 10_000))
	}
	o.DuplicateShare = orDefault(o.DuplicateShare, DefaultDuplicateShare)
	o.SuspenseShare = orDefault(o.SuspenseShare, DefaultSuspenseShare)
	if o.DuplicateShare+o.SuspenseShare > 0.9 {
		return o, fmt.Errorf("generate: duplicates and suspense are %.0f %% of the records; leave a tenth to be rated",
			100*(o.DuplicateShare+o.SuspenseShare))
	}
	o.Resend = orDefault(o.Resend, DefaultResend)
	if o.From.IsZero() {
		o.From = DefaultFrom
	}
	o.Days = orDefault(o.Days, DefaultDays)
	o.RecordsPerFile = orDefault(o.RecordsPerFile, DefaultRecordsPerFile)
	return o, nil
}

// orDefault returns v, the default if v is 0, or 0 if v is negative.
func orDefault[T int | float64](v, usual T) T {
	switch {
	case v == 0:
		return usual
	case v < 0:
		return 0
	}
	return v
}
