package crash

import (
	"fmt"
	"time"

	"ratemill/internal/demo/generate"
	"ratemill/internal/proof/installation"
)

// Options define which data flows, through which engines, and how often the run is disturbed.
type Options struct {
	Broker  string // embedded or kafka
	Store   string // sqlite or postgres
	Records int    // of usage
	Kills   int    // number of roles ended with kill -9; all other faults occur in proportion, and 0 means no faults
	Seed    uint64
	Outage  time.Duration // the longest time that an engine is away before it is restarted
	Aloud   bool          // log every fault as it happens
	Spoil   []string      // SQL that corrupts the warehouse after the comparison; a second comparison must find it
}

// The engines that Options can select.
const (
	Embedded = installation.Embedded
	Apache   = installation.Apache
	SQLite   = installation.SQLite
	Postgres = installation.Postgres
)

// Check returns the mistakes in the options.
func (o *Options) Check() error {
	switch {
	case o.Broker != Embedded && o.Broker != Apache:
		return fmt.Errorf("BROKER is %s or %s, not %q", Embedded, Apache, o.Broker)
	case o.Store != SQLite && o.Store != Postgres:
		return fmt.Errorf("STORE is %s or %s, not %q", SQLite, Postgres, o.Store)
	case o.Records < 1000 || o.Kills < 0:
		return fmt.Errorf("RECORDS is 1000 or more and KILLS 0 or more, not %d and %d", o.Records, o.Kills)
	}
	return nil
}

// session is how long a rater may be silent before others take its partitions: the minimum that Apache Kafka
// allows.
const session = 6 * time.Second

const partitions = 4

// The after action for files that were read: one carrier's files are deleted, one's are moved, the third's stay.
const (
	deletes = "skylink"
	moves   = "northwave"
	done    = "done"
)

// disturbed is the disturbed installation: waiting times are short, so that much happens in little time.
func (o *Options) disturbed() installation.Options {
	return installation.Options{
		Broker: o.Broker, Store: o.Store, Partitions: partitions, Usage: o.usage(), Every: 300 * time.Millisecond,
		Limit:   "300 MB", // certainly over
		Sources: map[string]string{grows: growsSource}, Catalogue: livesCatalogue,
		After:  map[string]string{deletes: "delete", moves: "{ move: DIR/" + done + " }"},
		Clocks: true,
		// There is a worker for each source, so every source can have a begun file.
		Roles: fmt.Sprintf("mediation: { lease: 5s, workers: 4 }\nrating: { session: %s, checkpoint: 1s }\nwarehouse: { flush: 100ms }\n",
			session),
	}
}

// usage is the carriers' data: few SIMs, so that pools run dry and limits are passed, and many small files, every
// eighth of which arrives again under another name.
func (o *Options) usage() generate.Options {
	return generate.Options{
		Seed: o.Seed, Records: o.Records, SIMs: max(60, o.Records/100), Accounts: 90, Resend: 8,
		RecordsPerFile: max(250, o.Records/75), DuplicateShare: 0.02, SuspenseShare: 0.01,
	}
}
