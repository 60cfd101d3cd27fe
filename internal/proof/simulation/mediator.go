package simulation

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"ratemill/internal/control"
	"ratemill/internal/safeguard"
	"ratemill/mediation"
	"ratemill/mediation/collect"
	"ratemill/mediation/source"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

// rulesOf is a version of the source's document; versions differ in their filter, and in the name of the source.
func rulesOf(version int, name string) string {
	return name + `
decode:
  csv: { header: true }
zone: UTC
filter:
  - drop: kind == "` + dropped[version] + `"
    name: test traffic
map:
  - set:
      sim: imsi(imsi)
      at: time(at, "2006-01-02 15:04:05")
      country: country("DE")
  - when: call != ""
    class: voice_mo
    set: { quantity: seconds(bytes), session: call }
  - otherwise: { class: data, set: { quantity: "octets(bytes, signed: true)" } }
session: { key: [session], within: 3d }
duplicate: { key: [key], within: 1d }
`
}

var dropped = [2]string{"x", "y"}

// sources are the versions of the source's document: two versions under its first name, and the same two under
// another name.
func sources() [4]*source.Source {
	if safeguard.On(safeguard.FormerName) {
		return sourcesAsTheyAre()
	}
	return sourcesWithoutFormerName()
}

var sourcesAsTheyAre, sourcesWithoutFormerName = sync.OnceValue(loadSources), sync.OnceValue(loadSources)

func loadSources() (s [4]*source.Source) {
	for i := range s {
		name, text := "carrier", "source: carrier"
		if i >= 2 {
			name, text = "renamed", "source: renamed\nformerly: carrier"
		}
		src, list := source.Load(name+".yaml", []byte(rulesOf(i%2, text)), nil)
		if src == nil || list.HasErrors() {
			panic(fmt.Sprint(list))
		}
		s[i] = src
	}
	return s
}

// line is a record of a carrier's file, with the result of the plainest reading of the record.
type line struct {
	text string
	kind string
	bad  bool   // the rules cannot map it, or no account owns its SIM
	late bool   // no account owns its SIM before lateRevision
	file string // the batch in which it arrived
	same string // the values that identical records have in common
	u    udr.Usage

	mapped bool // it was suspended as usage, and is usage again after a retry under any rules
}

// write creates the file that its carrier drops.
func (w *world) write(f *file) {
	text := "imsi,at,bytes,kind,key,call\n"
	f.lines = nil
	for i := range f.records {
		u := &f.records[i]
		l := line{kind: []string{"", "", "", "x", "y"}[w.rng.IntN(5)], file: f.name, u: *u}
		imsi, octets, key := fmt.Sprintf("26201%010d", u.SIM), fmt.Sprint(u.Quantity), fmt.Sprintf("%x", u.Duplicate)
		if u.Duplicate == (udr.DuplicateKey{}) {
			key = fmt.Sprintf("%x-%d", f.content, i)
		}
		switch w.rng.IntN(15) {
		case 0:
			octets, l.bad = "many", true
		case 1:
			imsi, l.bad = "262019999999999", true
		case 2:
			if !isTariff(u.SIM) {
				imsi, l.late = lateIMSI, true
				l.u.SIM = late
			}
		}
		l.same = key // lines of a file that its carrier changed may have a key of the former content
		l.text = fmt.Sprintf("%s,%s,%s,%s,%s,%s\n", imsi, u.At.Time().Format(time.DateTime), octets, l.kind, key, u.Session)
		f.lines = append(f.lines, l)
		text += l.text
	}
	f.text = text
	f.identify()
	w.identifyLines(f)
}

// identifyLines records, for each record, the lines of a file that become it.
func (w *world) identifyLines(f *file) {
	for i := range f.lines {
		w.lines[udr.ID{File: f.id, Seq: uint64(i + 1)}] = &f.lines[i]
	}
}

func (f *file) identify() {
	f.hash = sha256.Sum256([]byte(f.text))
	id := sha256.Sum256([]byte("carrier/" + f.name + "/" + f.text))
	f.id = udr.FileID(id[:16])
}

// again returns the same content under another name.
func (w *world) again(f *file, suffix string) *file {
	g := &file{holding: f.holding, name: f.name + suffix, content: f.content, within: f.within, comes: w.step + w.rng.IntN(60)}
	g.identify()
	w.identifyLines(g)
	w.files = append(w.files, g)
	return g
}

// spool fetches files from a carrier whose server has faults.
type spool struct{ w *world }

func (s spool) Fetch(ctx context.Context, _ *source.Source, row *control.File, _ *collect.Prefix,
	renew func(context.Context) error) (mediation.Content, error) {
	w := s.w
	f := w.files[row.Number-1]
	for range 1 + w.rng.IntN(3) {
		w.point(effect{"fetch", "file"}, row.Number, 0)
		if err := w.stalls(ctx); err != nil && f.origins == nil {
			return mediation.Content{}, err
		}
		if err := renew(ctx); err != nil && !storeUnavailable(err) {
			return mediation.Content{}, err
		}
	}
	if f.origins != nil {
		return w.retryContent(f, row.Number), nil
	}
	if w.phase == troubled && w.step < f.lagging {
		return mediation.Content{}, &mediation.AwayError{Err: errSimulated}
	}
	if f.row.Pinned && !f.away && w.happens(ServerAway, 3) {
		f.away = true
	}
	if f.away = f.away && w.phase == troubled && w.faults[ServerAway].IntN(6) > 0; f.away {
		return mediation.Content{}, &mediation.AwayError{Err: errSimulated}
	}
	switch {
	case f.vanished:
		return mediation.Content{}, &collect.GoneError{Path: f.name}
	case f.row.Spooled.IsZero() && w.happens(FileVanishes, 12):
		f.vanished = true
		w.again(f, "-renamed")
		return mediation.Content{}, &collect.GoneError{Path: f.name}
	case f.row.Spooled.IsZero() && w.happens(FileGrows, 10):
		return mediation.Content{}, &collect.ChangedError{Path: f.name, How: "it grew"}
	case w.happens(ConnectionBreaks, 10):
		return mediation.Content{}, fmt.Errorf("connection broke at byte %d: %w", w.faults[ConnectionBreaks].IntN(len(f.text)), errSimulated)
	}
	if f.row.Spooled.IsZero() && w.happens(FileChanges, 12) { // only its listing was seen
		f.records = f.records[:1+w.faults[FileChanges].IntN(len(f.records))]
		w.write(f)
	}
	if len(w.files) < 12 && w.happens(FileAgain, 15) {
		w.again(f, "-again")
	}
	now := f.holding
	if f.fetched == nil {
		f.fetched = map[string]holding{}
	}
	f.fetched[string(now.hash[:])] = now
	return mediation.Content{ID: now.id, Hash: now.hash[:], Size: int64(len(now.text)), Done: func() {},
		Open: func() (io.ReadCloser, error) { return io.NopCloser(&pieces{w, f, strings.NewReader(now.text)}), nil }}, nil
}

// stalls simulates a server that does not answer for a while, often for longer than a lease, and closes no connection.
// Afterwards, the server answers again or the deadline for progress has passed.
func (w *world) stalls(ctx context.Context) error {
	if !w.happens(ServerStalls, 25) {
		return nil
	}
	until := w.step + 1 + w.spread(ServerStalls)
	w.wait(effect{"await", "server"}, time.Minute, func() bool { return w.step >= until || w.phase != troubled })
	if ctx.Err() == nil && w.faults[ServerStalls].IntN(2) == 0 {
		return &collect.UnreachableError{Err: errSimulated}
	}
	return ctx.Err()
}

// removesSource removes the source from the project for a while. Some mediators restart with the project without
// the source; others continue with the project that they have. An operator orders to finish a few of the begun
// files.
func (w *world) removesSource() {
	r := w.faults[SourceRemoved]
	w.removed = w.step + 20 + w.spread(SourceRemoved)
	w.notef("operator", "REMOVES the source until step %d", w.removed)
	for _, a := range w.actors {
		if a.kind == senderKind && r.IntN(3) > 0 {
			a.cancel()
		}
	}
	for _, f := range w.files {
		if f.row.Pinned && !f.done && r.IntN(2) == 0 {
			f.ordered = true
		}
	}
}

// hasSource reports whether the project has the source.
func (w *world) hasSource() bool { return w.phase != troubled || w.step >= w.removed }

// pieces returns a file in pieces of arbitrary sizes.
type pieces struct {
	w *world
	f *file
	r *strings.Reader
}

func (p *pieces) Read(b []byte) (int, error) {
	if f := p.f; f.lags && f.row.Pinned && p.w.phase == troubled && p.r.Len() < int(p.r.Size())/2 {
		f.lags, f.lagging = false, p.w.step+200+p.w.faults[ServerAway].IntN(400)
		p.w.met[ServerAway]++
		return 0, errSimulated
	}
	if w := p.w; len(b) > 1 && w.phase == troubled && w.active.Has(PartialRead) {
		b = b[:1+w.faults[PartialRead].IntN(min(len(b), 100))]
	}
	return p.r.Read(b)
}

// mediatorReference gives mediators the versions of everything.
type mediatorReference struct {
	reference
	removed bool // the project with which the mediator began does not have the source
}

func (r mediatorReference) Queues() []control.Queue {
	return []control.Queue{{Source: "carrier", Parallel: !r.removed, Ordered: r.removed}}
}

func (r mediatorReference) Source(_ context.Context, _, version string) (*source.Source, error) {
	r.w.point(effect{"source", ""}, 0, 0)
	if version == "" && r.removed {
		return nil, errors.New("the project has no source carrier")
	}
	for i, s := range sources() {
		if s.Version == version || version == "" && i == r.w.rules+2*r.w.renamed {
			return s, nil
		}
	}
	return nil, fmt.Errorf("no version %s of source carrier", version)
}

func (r mediatorReference) Current(context.Context) (registry.Revision, string, error) {
	r.w.point(effect{"current", ""}, int64(r.w.revision), int64(r.w.catalogue))
	return registry.Revision(r.w.revision), shared().catalogues[r.w.catalogue].Version(), nil
}

// revisions returns the times at which the registry's revisions became known.
func (w *world) revisions(ctx context.Context, after registry.Revision) (later []control.RegistryChange, err error) {
	err = w.store.transaction(ctx, "asking for revisions", func() error {
		later = slices.Clone(w.changed[after:])
		return nil
	})
	return later, err
}

// startMediator starts a mediator, which reads files as they arrive.
func (w *world) startMediator() {
	w.started++
	name, removed := fmt.Sprintf("mediator-%d", w.started), !w.hasSource()
	m, err := mediation.NewMediator(mediation.MediatorOptions{
		Owner: name, Files: fileLedger{w}, Spool: spool{w}, Reference: mediatorReference{reference{w}, removed}, Broker: simBroker{w},
		Topics:     w.topics,
		Partitions: partitions, Clock: clock{w}, Ledger: func() time.Time {
			return w.now
		}, Log: slog.New(slog.DiscardHandler), Progress: &mediation.Progress{},
		Lease: 2 * time.Second, Idle: 100 * time.Millisecond, ChunkRecords: 1 + w.rng.IntN(5),
		RecordEvery: time.Duration(1+w.rng.IntN(100)) * time.Millisecond,
		Revisions:   w.revisions, Arrived: w.arrived, EndsKnown: endsKnown,
	})
	if err != nil {
		w.fail("%v", err)
		return
	}
	w.start(name, senderKind, 0, m.Run).removed = removed
}

// decided returns the outcome of each record, with the reason of its suspension and its partition; once is false if a
// record is in both partitions.
func (w *world) decided() (got, codes map[udr.ID]string, where map[udr.ID]int, once bool) {
	got, codes, where = map[udr.ID]string{}, map[udr.ID]string{}, map[udr.ID]int{}
	for p := range partitions {
		for _, o := range w.expect[p].outcomes {
			for _, r := range o.records {
				words := strings.Fields(r)
				var seq uint64
				fmt.Sscan(words[1], &seq)
				id := udr.ID{File: o.file, Seq: seq}
				if _, twice := got[id]; twice {
					w.fail("record %s:%d is in both partitions", o.file.Short(), seq)
					return got, codes, where, false
				}
				got[id], where[id] = words[0], p
				if words[0] == "suspended" {
					codes[id] = words[2]
				}
			}
		}
	}
	return got, codes, where, true
}

// judgeFiles compares the results of each carrier's file with the plainest reading of the file: each record is in one
// place, the file is closed everywhere, and the balance is zero.
func (w *world) judgeFiles() {
	if !w.mediated {
		return
	}
	got, codes, where, once := w.decided()
	if !once {
		return
	}
	rated := w.ratedKeys()
	known := 0
	for _, f := range w.files {
		if f.row.State != control.Done {
			continue
		}
		version := 0
		if rules := f.row.Pins.Rules; rules == sources()[1].Version || rules == sources()[3].Version {
			version = 1
		}
		home := int(binary.BigEndian.Uint64(f.id[:8]) % partitions)
		level := w.level(uint64(f.row.Pins.Registry))
		// unread: the retry may have suspended the record again, but its home partition stopped before that.
		unread := func(id udr.ID) bool { return got[id] == "" && w.expect[home].gap >= 0 }
		filtered, suspended, units := uint64(0), uint64(0), int64(0)
		for i, l := range f.lines {
			id := udr.ID{File: f.id, Seq: uint64(i + 1)}
			want, at := "rated", home
			switch {
			case l.kind == dropped[version] && !l.mapped:
				filtered++
				want = ""
			case l.bad, l.late && level < lateRevision:
				suspended++
				want = "suspended"
			case f.origins == nil && w.hadAnotherRoot(&l, level):
				suspended++
				want = "suspended"
			case f.origins != nil && got[id] != "duplicate" && (f.copied[i] || (codes[id] == mediation.CopyRated || unread(id)) &&
				len(rated[l.key()]) > 0):
				want = "suspended" // a copy of it was rated; if that was before the batch was created, the retry must notice it
			default:
				at = partitionOf[w.rootOf(l.u.SIM, l.u.At, level)]
			}
			if want == "rated" {
				units += l.u.Quantity // including units of duplicates
			}
			g := got[id]
			if g != "" {
				known++
			}
			if g == "suspended" && want == "rated" && (ofForgotten(&l.u) || isTariff(l.u.SIM) && codes[id] == rating.LimitReached) {
				g = want // the log's judgement has checked the reason
			}
			if g == "" && w.lost && f.alone && at != home {
				continue // no end followed the message that the broker lost, so only the balance of the file shows the gap
			}
			if w.expect[at].gap < 0 && (g == "duplicate" && want != "rated" || g != "duplicate" && g != want || g != "" && where[id] != at) {
				w.fail("file %s, line %d %q: is %q (%s) in partition %d, should be %q in partition %d", f.name, i+2, strings.TrimSpace(l.text), g,
					codes[id], where[id], want, at)
				return
			}
		}
		for p := range partitions {
			if w.expect[p].gap < 0 && w.expect[p].closedAt(f.id) < 0 && !(f.alone && p != home) {
				w.fail("file %s is done, but not closed in partition %d", f.name, p)
				return
			}
		}
		end := w.expect[home].ends[f.id]
		if end == nil {
			continue // its partition stopped
		}
		quantity := int64(0)
		for _, u := range end.Units {
			quantity += u.Quantity
		}
		n := uint64(len(f.lines))
		if !slices.Equal(end.Retried, f.origins) {
			w.fail("file %s: its end says that it brings back %v, not %v", f.name, end.Retried, f.origins)
			return
		}
		if end.Records != n || end.Filtered != filtered || end.Suspended+end.Mapped+end.Filtered != n || quantity != units ||
			end.Bytes != uint64(f.bytes()) {
			w.fail("file %s: its end says %d records, %d filtered, %d mapped, %d suspended, %d bytes, %d units; it has %d, %d filtered, %d "+
				"bytes, %d units", f.name,
				end.Records, end.Filtered, end.Mapped, end.Suspended, end.Bytes, quantity, n, filtered, f.bytes(), units)
			return
		}
	}
	for key, ids := range rated {
		if len(ids) > 1 && !w.lost && !w.lines[ids[0]].late && !w.lines[ids[1]].late && !ofForgotten(&w.lines[ids[0]].u) {
			w.fail("record %s is rated twice, as %s:%d and %s:%d", key.same, ids[0].File.Short(), ids[0].Seq, ids[1].File.Short(), ids[1].Seq)
			return
		}
	}
	if known != len(got) {
		w.fail("%d records come from files that are not done, or whose content came before", len(got)-known)
	}
}

// hadAnotherRoot reports whether, according to an earlier change, a record's SIM belonged to another billing root at
// the time of use.
func (w *world) hadAnotherRoot(l *line, level uint64) bool {
	first := uint64(1)
	if l.u.SIM == late {
		first = lateRevision
	}
	for before := first; before < level; before++ {
		if w.rootOf(l.u.SIM, l.u.At, before) != w.rootOf(l.u.SIM, l.u.At, level) {
			return true
		}
	}
	return false
}
