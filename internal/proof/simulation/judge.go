package simulation

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"ratemill/internal/broker"
	"ratemill/internal/ratedlog"
	"ratemill/rating"
	"ratemill/udr"
)

// judgement replays the rated log of a partition independently of ratemill's code: a message counts if no earlier
// message has a newer epoch, and its input is later than that of every message that counts.
type judgement struct {
	epoch, input int64
	counts       []broker.Message
	inputs       []int64
	wrong        error

	parsed       []ratedlog.Batch // the first of the messages that count
	fired, drawn map[string]int64 // by the messages that count, as far as they were judged
	right        int              // number of these messages that were judged correct
}

// batch returns the i-th message that counts, parsed only once.
func (j *judgement) batch(i int) (*ratedlog.Batch, error) {
	for n := len(j.parsed); n <= i; n++ {
		var b ratedlog.Batch
		if err := ratedlog.ParseBatch(j.counts[n].Value, &b); err != nil {
			return nil, fmt.Errorf("rated offset %d: %w", j.counts[n].Offset, err)
		}
		j.parsed = append(j.parsed, b)
	}
	return &j.parsed[i], nil
}

func (j *judgement) take(m *broker.Message) {
	if isPoison(m) {
		return
	}
	epoch, input, mark, err := ratedlog.ParseHeader(m.Value)
	if err != nil {
		j.wrong = err
		return
	}
	if epoch < j.epoch || isForged(epoch) {
		return
	}
	j.epoch = epoch
	if !mark && input > j.input {
		j.input = input
		j.counts = append(j.counts, *m)
		j.inputs = append(j.inputs, input)
	}
}

// complete reports whether everything expected has arrived.
func (w *world) complete() bool {
	if len(w.requests) > 0 || !w.allSent() {
		return false
	}
	for p := range partitions {
		e, j := w.expect[p], w.judged[p]
		if w.stopped[p] == nil && e.gap >= 0 || len(j.counts) < len(e.outcomes) {
			return false
		}
		if w.phase != calm && w.stopped[p] == nil && !w.rests(p) {
			return false
		}
	}
	return true
}

// rests reports whether a partition's owner waits for usage.
func (w *world) rests(p int) bool {
	return slices.ContainsFunc(w.actors, func(a *actor) bool {
		return a.kind == ownerKind && a.partition == p && !a.ended && a.idle && a.at == effect{"await", w.topics.Usage}
	})
}

// missing describes the events for which an endless schedule waits.
func (w *world) missing() string {
	text := ""
	for p := range partitions {
		if at := w.store.sinks[p]; at.Next < w.rated[p].end || at.Intent != nil {
			text += fmt.Sprintf("the sink of partition %d is at offset %d of %d; ", p, at.Next, w.rated[p].end)
		}
		if at := w.store.accounts[p].at; at.Next < w.rated[p].end {
			text += fmt.Sprintf("the balances of partition %d are at offset %d of %d; ", p, at.Next, w.rated[p].end)
		}
	}
	for _, f := range w.files {
		if !f.done {
			text += fmt.Sprintf("file %s is read to %d of %d", f.id.Short(), f.read, len(f.records))
			if f.row.Why != "" {
				text += ", since " + f.row.Why
			}
			text += "; "
		}
	}
	for p := range partitions {
		e, j := w.expect[p], w.judged[p]
		switch {
		case w.stopped[p] == nil && e.gap >= 0:
			text += fmt.Sprintf("partition %d has a gap at usage offset %d, and does not stop; ", p, e.gap)
		case len(j.counts) < len(e.outcomes):
			text += fmt.Sprintf("partition %d: %d messages of the rated log count, %d should; ", p, len(j.counts), len(e.outcomes))
			for i, o := range e.outcomes {
				if i >= len(j.inputs) || j.inputs[i] != o.input {
					return text + fmt.Sprintf("the first that is missing is that of usage offset %d", o.input)
				}
			}
		}
	}
	return text
}

// advance begins the next phase, and returns true if there is none.
func (w *world) advance() bool {
	w.judge()
	w.judgeWarehouse()
	w.judgeBalances()
	w.judgeFiles()
	w.judgeLives()
	if w.failure != "" {
		return true
	}
	switch w.phase {
	case calm:
		w.phase = probing
		w.renew()
		w.probe()
	case probing:
		w.compareCounters()
		w.phase = compared
		w.renew()
	case compared:
		w.compareCounters()
		w.compareOffline()
		return true
	}
	return w.failure != ""
}

// renew starts a new owner for every partition; the owner has only what the topics contain.
func (w *world) renew() {
	w.notef("judge", "NEW OWNERS for all")
	for _, a := range w.actors {
		if a.kind == ownerKind && !a.ended {
			a.crash()
		}
	}
	for p := range partitions {
		if w.stopped[p] == nil {
			w.startOwner(p)
		}
	}
}

// probe uses every counter once more, and sends old batches again, to reveal anything that a new owner lost.
func (w *world) probe() {
	for p := range partitions {
		l := w.usage[p]
		for _, m := range slices.Clone(l.all) {
			var b udr.Batch
			if udr.ParseBatch(m.Value, &b) == nil && w.expect[p].closedAt(b.File) >= l.first && w.rng.IntN(3) == 0 {
				l.add([]broker.Message{{Value: m.Value}})
			}
		}
	}
	f := w.newFile("probe", 0)
	for sim := range uint32(sims) {
		for range 3 {
			f.records = append(f.records, w.newRecord(f, uint64(len(f.records)+1), sim+1, 1+w.rng.Int64N(9), w.rng.IntN(24)))
		}
	}
	if w.tariffs != nil {
		for sim := uint32(firstTariff); sim <= lastTariff; sim++ {
			for range 2 {
				u := w.newRecord(f, uint64(len(f.records)+1), 1, 1, 0)
				u.Session, u.SessionKey, u.Duplicate = "", udr.SessionKey{}, udr.DuplicateKey{}
				w.tariff(&u, sim)
				f.records = append(f.records, u)
			}
		}
	}
	for call := range calls {
		u := w.newRecord(f, uint64(len(f.records)+1), 1, 1+w.rng.Int64N(9), 0)
		w.partOf(&u, call)
		u.Quantity, u.Duplicate = 1+w.rng.Int64N(9), udr.DuplicateKey{}
		f.records = append(f.records, u)
	}
	if w.mediated {
		w.write(f)
	}
	w.files = append(w.files, f)
}

// judge compares the messages that count in the rated logs with the expected ones. It checks each message once, because
// the expectation for a message does not change.
func (w *world) judge() {
	for p := range partitions {
		e, j := w.expect[p], w.judged[p]
		if j.wrong != nil {
			w.fail("partition %d: %v", p, j.wrong)
			return
		}
		for ; j.right < len(j.counts); j.right++ {
			if wrong := j.judge(e, j.right); wrong != "" {
				w.fail("partition %d, rated offset %d%s", p, j.counts[j.right].Offset, wrong)
				return
			}
		}
	}
}

// judge compares one message with the expected one, and describes the difference.
func (j *judgement) judge(e *expectation, i int) (wrong string) {
	b, err := j.batch(i)
	if err != nil {
		return fmt.Sprintf(": %v", err)
	}
	if i >= len(e.outcomes) {
		return fmt.Sprintf(": of usage offset %d nothing should come", b.Input)
	}
	o := &e.outcomes[i]
	if b.Input != o.input || b.File != o.file || b.Last != o.last || (b.End != nil) != o.end {
		return fmt.Sprintf(": has usage offset %d, file %s to %d, expected is usage offset %d, file %s to %d",
			b.Input, b.File.Short(), b.Last, o.input, o.file.Short(), o.last)
	}
	records, err := describeAll(b)
	if err != nil {
		return fmt.Sprintf(": %v", err)
	}
	if err := o.adoptLives(records, b); err != nil {
		return fmt.Sprintf(": %v", err)
	}
	if err := o.adoptTariffs(records, b); err != nil {
		return fmt.Sprintf(": %v", err)
	}
	o.adopt(records)
	if !slices.Equal(records, o.records) {
		return fmt.Sprintf(", file %s, usage offset %d:\n  has       %q\n  should be %q", b.File.Short(), b.Input, records, o.records)
	}
	if wrong := follow(j.drawn, b); wrong != "" {
		return ": " + wrong
	}
	for _, r := range b.Rated {
		for _, data := range r.Events {
			event, err := rating.ParseEvent(data)
			name, once := tellsOnce(&event)
			if at, twice := j.fired[name]; twice && once || err != nil {
				return fmt.Sprintf(": event %s was fired at rated offset %d already (%v)", name, at, err)
			}
			j.fired[name] = j.counts[i].Offset
		}
	}
	return ""
}

// adopt accepts two outcomes that follow from forgotten counters: usage of a cycle whose counters may be forgotten
// was suspended, and a copy of it was then rated, or suspended too. The time of the sweeps decides this, and no
// other usage depends on the counters of that cycle.
func (o *outcome) adopt(records []string) {
	want, adopted := slices.Clone(o.records), false
	for i, r := range want {
		words := strings.Fields(r)
		var seq uint64
		fmt.Sscan(words[1], &seq)
		at := slices.IndexFunc(records, func(got string) bool {
			g := strings.Fields(got)
			return g[1] == words[1] && (g[0] == "rated" && words[0] == "duplicate" || got == fmt.Sprintf("suspended %d late", seq))
		})
		if at >= 0 && o.old[seq] {
			want[i], adopted = records[at], true
		}
	}
	if adopted && slices.Equal(slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(records))) {
		o.records = records
	}
}

// follow compares the units that each record found drawn from its buckets with the units that the log had drawn before:
// whatever owners forget, no bucket may restart.
func follow(drawn map[string]int64, b *ratedlog.Batch) (wrong string) {
	for i := range b.Rated {
		for _, data := range b.Rated[i].Charges {
			var c rating.Charge
			if err := rating.ParseCharge(data, &c); err != nil {
				return err.Error()
			}
			for _, d := range c.Draws {
				name := bucketOf(&c, &d)
				if d.Before != drawn[name] {
					return fmt.Sprintf("bucket %s of %s %d has %d drawn, but the log has %d", d.Bucket, d.Kind, d.Owner, d.Before,
						drawn[name])
				}
				drawn[name] += d.Taken()
			}
		}
	}
	return ""
}

func describeAll(b *ratedlog.Batch) (records []string, err error) {
	var u udr.Usage
	for i := range b.Rated {
		r := &b.Rated[i]
		if err := udr.ParseUsage(r.Usage, &u); err != nil {
			return nil, err
		}
		charges := make([]rating.Charge, len(r.Charges))
		for i, data := range r.Charges {
			if err := rating.ParseCharge(data, &charges[i]); err != nil {
				return nil, err
			}
		}
		events := make([]rating.Event, len(r.Events))
		for i, data := range r.Events {
			if events[i], err = rating.ParseEvent(data); err != nil {
				return nil, err
			}
		}
		records = append(records, describe(&u, charges, events))
	}
	for _, data := range b.Duplicate {
		if err := udr.ParseUsage(data, &u); err != nil {
			return nil, err
		}
		records = append(records, fmt.Sprintf("duplicate %d", u.Seq))
	}
	var s udr.Suspended
	for _, data := range b.Suspended {
		if err := udr.ParseSuspended(data, &s); err != nil {
			return nil, err
		}
		records = append(records, fmt.Sprintf("suspended %d %s", s.Seq, s.Why.Code))
	}
	return records, nil
}

// compareCounters compares the owners' counters with the sums of the deltas that count.
func (w *world) compareCounters() {
	for p := range partitions {
		if w.stopped[p] != nil {
			continue
		}
		sums, err := w.judged[p].sums()
		if err != nil {
			w.fail("partition %d: %v", p, err)
			return
		}
		counters := w.owners[p].Counters()
		for k, v := range sums {
			if w.forgotten(k) {
				continue
			}
			if got, _ := counters.Folded(k); got != v {
				w.fail("partition %d: the owner has %s of %d at %d units of cycle %d, the deltas that count sum to %d", p, k.Kind, k.Owner, got.Units(),
					k.Cycle, v.Units())
				return
			}
		}
		counters.Range(func(k rating.CounterKey, v rating.Value, _ int64) bool {
			if sums[k] != v && !w.forgotten(k) {
				w.fail("partition %d: the owner has %s of %d at %d units, no delta made it", p, k.Kind, k.Owner, v.Units())
			}
			return w.failure == ""
		})
		w.compareSessions(p)
	}
}

// compareSessions compares the sessions that an owner knows with the states in the messages that count.
func (w *world) compareSessions(p int) {
	last, err := w.judged[p].sessions()
	if err != nil {
		w.fail("partition %d: %v", p, err)
		return
	}
	known := map[rating.SessionKey]rating.Session{}
	w.owners[p].Counters().Sessions.Range(func(k rating.SessionKey, s *rating.Session) bool {
		known[k] = *s
		return true
	})
	for k, s := range last {
		if got, ok := known[k]; got != s && !(!ok && longOver(s)) {
			w.fail("partition %d: the owner has %+v of a session of SIM %d, the messages that count made it %+v", p, got, k.SIM, s)
			return
		}
		delete(known, k)
	}
	for k, s := range known {
		w.fail("partition %d: the owner has %+v of a session of SIM %d, no message made it", p, s, k.SIM)
		return
	}
}

// longOver reports whether a session may be forgotten because its last part was before all calls.
func longOver(s rating.Session) bool {
	return s.Last < time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
}

func (j *judgement) sessions() (map[rating.SessionKey]rating.Session, error) {
	last := map[rating.SessionKey]rating.Session{}
	for i := range j.counts {
		b, err := j.batch(i)
		if err != nil {
			return nil, err
		}
		for _, data := range b.Sessions {
			s, err := rating.ParseSessionState(data)
			if err != nil {
				return nil, err
			}
			last[s.Key] = s.Session
		}
	}
	return last, nil
}

// forgotten reports whether a counter may be forgotten because its cycle began long ago.
func (w *world) forgotten(k rating.CounterKey) bool {
	return int64(k.Cycle) < w.now.Unix()/86400-400
}

func (j *judgement) sums() (map[rating.CounterKey]rating.Value, error) {
	sums := map[rating.CounterKey]rating.Value{}
	for i := range j.counts {
		b, err := j.batch(i)
		if err != nil {
			return nil, err
		}
		for _, data := range b.Deltas {
			d, err := rating.ParseDelta(data)
			if err != nil {
				return nil, err
			}
			sums[d.Key] = sums[d.Key].Plus(d.Value)
		}
	}
	return sums, nil
}

// compareOffline compares the messages that count, byte for byte, with the result of an owner that rates the same usage
// without faults.
func (w *world) compareOffline() {
	quiet := newWorld(w.seed, Options{Steps: 1})
	quiet.files, quiet.lost = nil, w.lost
	if quiet.lives = nil; w.lives != nil {
		quiet.lives = w.lives.withoutStates(quiet)
	}
	quiet.phase = calm
	for p := range partitions {
		quiet.usage[p].add(w.usage[p].all)
		quiet.startOwner(p)
	}
	for quiet.failure == "" && quiet.step < 20_000 && !(quiet.complete() && quiet.rests(0) && quiet.rests(1)) {
		quiet.now = quiet.now.Add(1_000_000)
		quiet.deliver()
		if a := quiet.next(); a != nil {
			a.run()
		}
		quiet.step++
		for p, e := range w.expect {
			if e.gap >= 0 {
				quiet.stopped[p] = w.stopped[p]
			}
		}
	}
	for _, a := range quiet.actors {
		a.crash()
	}
	for p := range partitions {
		if quiet.failure != "" || len(quiet.judged[p].counts) < len(w.judged[p].counts) {
			w.fail("offline, partition %d has %d messages of %d: %s", p, len(quiet.judged[p].counts), len(w.judged[p].counts), quiet.failure)
			return
		}
		for i, m := range w.judged[p].counts {
			if !bytes.Equal(afterEpoch(m.Value), afterEpoch(quiet.judged[p].counts[i].Value)) && !hasOldUsage(m.Value) {
				w.fail("partition %d, rated offset %d: is not, byte for byte, what an owner makes of the same usage offline:\n  has     %q\n"+
					"  offline %q%s",
					p, m.Offset, inWords(m.Value), inWords(quiet.judged[p].counts[i].Value), w.lives)
				return
			}
		}
	}
}

// inWords describes a message of the rated log in words.
func inWords(message []byte) []string {
	var b ratedlog.Batch
	err := ratedlog.ParseBatch(message, &b)
	if err != nil {
		return []string{err.Error()}
	}
	records, err := describeAll(&b)
	if err != nil {
		return []string{err.Error()}
	}
	for _, data := range b.Deltas {
		if d, err := rating.ParseDelta(data); err == nil {
			records = append(records, fmt.Sprintf("%s of %d by %v", d.Key.Kind, d.Key.Owner, d.Value))
		}
	}
	return records
}

// ofForgotten reports whether usage belongs to a cycle whose counters are forgotten at the next sweep.
func ofForgotten(u *udr.Usage) bool { return u.At < udr.InstantOf(epoch.AddDate(-1, 0, 0)) }

// hasOldUsage reports whether a rated message is about a cycle whose counters may have been forgotten before it, so
// that its usage is suspended.
func hasOldUsage(message []byte) bool {
	var b ratedlog.Batch
	var u udr.Usage
	old := func(usage []byte) bool {
		return udr.ParseUsage(usage, &u) == nil && u.At < udr.InstantOf(epoch.AddDate(-1, 0, 0))
	}
	return ratedlog.ParseBatch(message, &b) == nil && (slices.ContainsFunc(b.Rated,
		func(r ratedlog.RatedRecord) bool { return old(r.Usage) }) ||
		slices.ContainsFunc(b.Suspended, func(data []byte) bool {
			var s udr.Suspended
			return udr.ParseSuspended(data, &s) == nil && s.Why.Code == rating.Late && old(s.Usage)
		}))
}

// afterEpoch returns a rated message without the epoch, its first field: a tag and a number, which is small here.
func afterEpoch(message []byte) []byte {
	for i := 1; i < len(message); i++ {
		if message[i] < 0x80 {
			return message[i+1:]
		}
	}
	return nil
}
