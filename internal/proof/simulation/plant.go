package simulation

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"sync"
	"testing/fstest"
	"time"

	"ratemill/internal/control"
	"ratemill/internal/proof/tariffs"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

// The accounts: root 1 has children 2 and 3, and pays for their usage by its own plan; root 4 has no children. SIMs 1
// to 4 belong to account 2. SIM 4 moves to account 3 in the past, as known from revision 2 on. SIMs 5 and 6 belong to
// account 4. SIM 5 also moves to account 3, from revision 3 on, and so to another partition. Then come corrections of
// the past. By revision 4, SIM 4 moved later. By revision 5, account 3 was below root 4 from a day on, and so in
// another partition. Revision 6 withdraws this, and also the move of SIM 5.
const (
	sims      = 6
	late      = 7 // belongs to account 4, and is not known before revision 2: its records are suspended, and can be retried
	moved     = 4
	movedAway = 5

	busyDays = 4 // days with the records that carriers send twice, all in one hour of each day: blocks of keys are split

	includedUnits = 40
	poolUnits     = 150
	usageLimit    = 200
	costLimit     = 3 // EUR
	simLimit      = 60

	calls      = 8  // calls that the carriers deliver in parts, in several files and any order
	talkUnits  = 25 // seconds included for each SIM
	callBlock  = 10 // seconds
	callFee    = 5  // cents
	callCap    = 90
	callWithin = 3 * 24 * 3600
)

var partitionOf = map[uint32]int{1: 0, 4: 1, 6: 1, 8: 0, 11: 1}

// movedAt is the time from which SIM 4 belongs to account 3, movedLater the corrected time; belowAt is the time from
// which account 3 was below root 4.
var (
	movedAt    = time.Date(2026, 1, 12, 0, 0, 0, 0, time.UTC)
	movedLater = time.Date(2026, 1, 25, 0, 0, 0, 0, time.UTC)
	belowAt    = time.Date(2026, 1, 18, 0, 0, 0, 0, time.UTC)
)

// rootOf finds the billing root of an account at a time in the simplest possible way.
func rootOf(account uint32, at udr.Instant, revision uint64) uint32 {
	if account == 4 || account == 3 && revision == 5 && !at.Time().Before(belowAt) {
		return 4
	}
	return 1
}

// accountOf finds the owner of a SIM in the simplest possible way.
func accountOf(sim uint32, at udr.Instant, revision uint64) uint32 {
	switch {
	case sim == movedAway && revision >= 3 && revision < lastRevision && !at.Time().Before(movedAt):
		return 3
	case sim > moved:
		return 4
	case sim == moved && revision >= 2 && !at.Time().Before(movedAt) && (revision < 4 || !at.Time().Before(movedLater)):
		return 3
	}
	return 2
}

// cents returns the price of a unit by a catalogue, in 1/100 EUR: by the SIM's plan, and by the plan of root
// 1 above.
var cents = [2]struct{ fleet, wholesale int64 }{{2, 1}, {3, 1}}

func catalogueFiles(i int) fstest.MapFS {
	text := map[string]string{
		"zones.yaml": "zone_model: world\nzones:\n  - zone: all\n",
		"fleet.yaml": fmt.Sprintf("plan: fleet\ncurrency: EUR\nzones: world\nclasses:\n  data:\n    prices:\n      - price: 0.%02d / 1 B\n"+
			"  voice_mo:\n    increment: %d s\n    cap: 0.%02d\n    prices:\n      - fee: 0.%02d\n        price: 0.%02d / 1 s\nincluded:\n"+
			"  - bucket: start\n    units: %d B\n    classes: [data]\n  - bucket: talk\n    units: %d s\n    classes: [voice_mo]\n",
			cents[i].fleet, callBlock, callCap, callFee, cents[i].fleet, includedUnits, talkUnits),
		"wholesale.yaml": fmt.Sprintf("plan: wholesale\ncurrency: EUR\nzones: world\nclasses:\n  data:\n    prices:\n"+
			"      - price: 0.%02d / 1 B\n  voice_mo:\n    prices:\n      - price: 0.%02d / 1 s\n", cents[i].wholesale, cents[i].wholesale),
		"pool.yaml": fmt.Sprintf("share_plan: pool\nplans: [fleet]\nbuckets:\n  - bucket: data\n    units: %d B\n    classes: [data]\n",
			poolUnits),
		"usage.yaml": fmt.Sprintf("limit: usage\nclasses: [data]\nusage: %d B\nactions: [event]\n", usageLimit),
		"sim.yaml":   fmt.Sprintf("limit: sim\nper: sim\nclasses: [data]\nusage: %d B\nactions: [event]\n", simLimit),
		"life.yaml":  lifeText, "life-plan.yaml": lifePlan, "life-limit.yaml": lifeLimit,
		"cost.yaml": fmt.Sprintf("limit: cost\ncost: %d EUR\nactions: [event]\n", costLimit),
	}
	maps.Copy(text, tariffs.Files(cents[i].fleet))
	fsys := fstest.MapFS{}
	for name, t := range text {
		fsys[name] = &fstest.MapFile{Data: []byte(t)}
	}
	return fsys
}

// shared is the data that all schedules use and none changes.
var shared = sync.OnceValue(func() (s struct {
	catalogues [2]*rating.Catalogue
	registry   *registry.Registry
	changes    []*registry.Changes // that made it
}) {
	for i := range s.catalogues {
		c, list := rating.LoadCatalogue(catalogueFiles(i))
		if c == nil {
			panic(fmt.Sprint(list))
		}
		s.catalogues[i] = c
	}
	s.registry = registry.New()
	account := func(n, parent uint32, plan string, partition int, limits, shares []string) registry.AccountFact {
		return registry.AccountFact{Number: n, ID: fmt.Sprintf("account-%d", n), Company: "c", Parent: parent, Currency: "EUR", Zone: "UTC",
			CycleDay: 1, Plan: plan, Partition: partition, Limits: limits, SharePlans: shares}
	}
	limits := []string{"usage", "sim", "cost"}
	first := registry.Changes{Revision: 1, Companies: []registry.Company{{ID: "c", Name: "C"}}, Accounts: []registry.AccountFact{
		account(1, 0, "wholesale", 0, []string{"usage"}, nil),
		account(2, 1, "", registry.NoPartition, limits, []string{"pool"}),
		account(3, 1, "", registry.NoPartition, limits, []string{"pool"}),
		account(4, 0, "", 1, limits, []string{"pool"}),
	}}
	for sim := uint32(1); sim <= sims; sim++ {
		first.SIMs = append(first.SIMs, registry.OwnershipFact{SIM: sim, Account: accountOf(sim, 0, 1), Plan: "fleet"})
		first.Identifiers = append(first.Identifiers, registry.IdentifierFact{Identifier: udr.Identifier{Kind: udr.IMSI,
			Value: fmt.Sprintf("26201%010d", sim)}, SIM: sim})
	}
	addTariffs(&first)
	below := account(3, 4, "", registry.NoPartition, limits, []string{"pool"})
	below.From = udr.InstantOf(belowAt)
	notBelow := below
	notBelow.State = registry.Withdrawn
	changes := []registry.Changes{first,
		{Revision: 2, Identifiers: []registry.IdentifierFact{{Identifier: udr.Identifier{Kind: udr.IMSI, Value: lateIMSI}, SIM: late}},
			SIMs: []registry.OwnershipFact{{SIM: late, Account: 4, Plan: "fleet"}, {SIM: moved, From: udr.InstantOf(movedAt), Account: 3,
				Plan: "fleet"}}},
		{Revision: 3, SIMs: []registry.OwnershipFact{{SIM: movedAway, From: udr.InstantOf(movedAt), Account: 3, Plan: "fleet"}}},
		{Revision: 4, SIMs: []registry.OwnershipFact{{SIM: moved, From: udr.InstantOf(movedAt), State: registry.Withdrawn},
			{SIM: moved, From: udr.InstantOf(movedLater), Account: 3, Plan: "fleet"}}},
		{Revision: 5, Accounts: []registry.AccountFact{below}},
		{Revision: 6, SIMs: []registry.OwnershipFact{{SIM: movedAway, From: udr.InstantOf(movedAt), State: registry.Withdrawn}},
			Accounts: []registry.AccountFact{notBelow}},
	}
	for i := range changes {
		if err := s.registry.Apply(&changes[i]); err != nil {
			panic(err)
		}
		s.changes = append(s.changes, &changes[i])
	}
	return s
})

const (
	lastRevision = 6
	lateRevision = 2
	lateIMSI     = "262018888888888"
)

// Catalogue returns the catalogue with a version.
func (r reference) Catalogue(ctx context.Context, version string) (*rating.Catalogue, error) {
	if err := r.known(ctx, "catalogue"); err != nil {
		return nil, err
	}
	for _, c := range shared().catalogues {
		if c.Version() == version {
			return c, nil
		}
	}
	return nil, fmt.Errorf("no catalogue %s", version)
}

// Registry returns the registry, with every revision.
func (r reference) Registry(ctx context.Context, _ registry.Revision) (*registry.Registry, error) {
	if err := r.known(ctx, "registry"); err != nil || r.w.lives == nil {
		return shared().registry, err
	}
	return r.w.lives.registry, nil
}

// known waits until a process knows the requested version, as in production.
func (r reference) known(ctx context.Context, what string) error {
	w := r.w
	w.point(effect{what, ""}, 0, 0)
	if w.happens(NotKnownYet, 40) {
		until := w.step + 1 + w.spread(NotKnownYet)
		w.wait(effect{"await", what}, time.Second, func() bool { return w.step >= until })
		return ctx.Err()
	}
	return nil
}

// change changes the registry or the catalogue for files that are read from now on.
func (w *world) change() {
	if w.lives != nil {
		w.lives.change()
	} else if w.revision < lastRevision {
		w.revision++
		w.changed = append(w.changed, control.RegistryChange{Revision: registry.Revision(w.revision), At: w.now})
	}
	w.catalogue, w.rules = w.faults[Change].IntN(2), w.faults[Change].IntN(2)
}

// file is a file that a carrier dropped, and its row in the ledger of files.
type file struct {
	holding
	name   string
	within uint32 // for duplicates
	comes  int    // the step at which its carrier drops it

	// For a file that mediators read:
	fetched  map[string]holding // content of the file when a mediator fetched it, by hash
	content  udr.FileID         // distinguishes its records from those of other files
	row      control.File
	vanished bool     // gone from its carrier's server
	away     bool     // its carrier's server is unreachable for longer than the broker keeps usage
	lags     bool     // its server will become unreachable while it is being read, for so long that later files overtake it
	lagging  int      // the server is unreachable before this step
	ordered  bool     // an operator ordered to finish it, although its source was removed
	alone    bool     // the ends were sent long ago, so only its home partition may still get a missing end
	origins  []udr.ID // for a retry batch: the records that it retries
	copied   []bool   // which of these records had a rated copy when the batch was created

	// For a file that a sender sends:
	pinned     bool
	revision   uint64
	catalogue  int
	generation int    // of its lease
	read       uint64 // all records up to this one are in the log
	lasts      [partitions]uint64
	done       bool
}

// holding is the content of a file; its carrier may change it before a mediator reads it.
type holding struct {
	id      udr.FileID
	records []udr.Usage // as read, before any lookup
	text    string
	lines   []line
	hash    [32]byte
}

// plant creates the files.
func (w *world) plant() {
	n := 2 + w.rng.IntN(4)
	if w.options.Files > 0 {
		n = w.options.Files
	}
	for i := range n {
		f := w.newFile(fmt.Sprintf("file-%d", i), 1+w.rng.IntN(16))
		f.comes = i * w.rng.IntN(w.options.Steps/n+1)
		if w.mediated {
			w.write(f)
		}
		w.files = append(w.files, f)
	}
}

func (w *world) newFile(name string, records int) *file {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(name), w.seed))
	f := &file{holding: holding{id: udr.FileID(sum[:16])}, content: udr.FileID(sum[:16]), name: name, within: 86400}
	if !w.mediated && w.rng.IntN(4) == 0 {
		f.within = 1 // forgotten soon: its keys are unlike all others
	}
	for i := range records {
		f.records = append(f.records, w.newRecord(f, uint64(i+1), uint32(1+w.rng.IntN(sims)), 1+w.rng.Int64N(30), w.rng.IntN(24)))
	}
	return f
}

// newRecord returns a new record. keys chooses the records that carriers send twice: there are few different
// ones.
func (w *world) newRecord(f *file, seq uint64, sim uint32, quantity int64, key int) udr.Usage {
	u := udr.Usage{Seq: seq, Line: seq, Bytes: 40, Class: "data", Unit: udr.Octet, Quantity: quantity, SIM: sim, Country: "DE",
		Identifier: udr.Identifier{Kind: udr.IMSI, Value: fmt.Sprintf("26201%010d", sim)}}
	u.At = udr.InstantOf(time.Date(2026, 1, 1+w.rng.IntN(40), w.rng.IntN(24), 0, 0, 0, time.UTC))
	if w.lives != nil && w.lifeRecord(&u) {
		return u
	}
	if w.tariffs != nil && w.tariffs.IntN(2) == 0 {
		w.tariff(&u, firstTariff+w.tariffs.Uint32N(lastTariff-firstTariff+1))
		return u
	}
	if w.rng.IntN(5) == 0 {
		w.partOf(&u, w.rng.IntN(calls))
		return u
	}
	if w.rng.IntN(20) == 0 {
		u.Class = "fax" // no plan has a price for this class
	}
	if w.rng.IntN(25) == 0 {
		// Usage of a cycle that is no longer counted: so little that the rest of its buckets does not matter.
		u.At, u.Quantity = udr.InstantOf(time.Date(2024, 6, 1+w.rng.IntN(30), 0, 0, 0, 0, time.UTC)), 1
		return u
	}
	if f.within == 1 {
		h := sha256.Sum256(binary.BigEndian.AppendUint64(f.id[:], seq))
		copy(u.Duplicate[:], h[:12])
		return u
	}
	if w.rng.IntN(3) > 0 {
		// A record that is sent again has the same SIM and time, because both follow from the key.
		u.SIM = uint32(key%sims) + 1
		u.At = udr.InstantOf(w.busyFrom.AddDate(0, 0, key%busyDays))
		h := sha256.Sum256([]byte{byte(key)})
		copy(u.Duplicate[:], h[:12])
	}
	return u
}

// partOf turns a record into a part of a call. All calls are in the first two days, so they are late by the clock, as
// after an outage: an owner that forgot only by the clock would forget sessions that are still needed. A few calls
// are long over, and no more parts of them arrive.
func (w *world) partOf(u *udr.Usage, call int) {
	u.Class, u.Unit, u.SIM = "voice_mo", udr.Second, uint32(call%sims)+1
	u.Identifier.Value = fmt.Sprintf("26201%010d", u.SIM)
	u.Session, u.At = fmt.Sprint("call-", call), udr.InstantOf(time.Date(2026, 1, 1, w.rng.IntN(48), 0, 0, 0, time.UTC))
	if w.rng.IntN(10) == 0 {
		u.Session, u.At = fmt.Sprint("old-", w.rng.Uint64()), udr.InstantOf(time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC))
	}
	h := sha256.Sum256([]byte(u.Session))
	copy(u.SessionKey[:], h[:])
}
