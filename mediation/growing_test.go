package mediation_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/broker"
	"ratemill/internal/control"
	"ratemill/internal/seeds"
	"ratemill/mediation/collect"
	"ratemill/udr"
)

// A switch appends to a file, stalls in the middle of a line, and rotates and copies the file, in the middle of anything that
// mediators do. Each line goes out once, and whole; what was read of the parts is the whole.
func TestEveryCourseOfAFileThatGrowsReadsEachLineOnce(t *testing.T) {
	store, spool := courseStores(t)
	for seed := range seeds.Each(t, *courses, *courses) {
		if c := growingCourse(t, seed, store, spool); len(c.wrong) > 0 {
			t.Fatalf("course %d: %s\n%s", seed, strings.Join(c.wrong, "\n"), strings.Join(c.said, "\n"))
		}
	}
}

func courseStores(t *testing.T) (*control.Store, *collect.Spool) {
	store, err := control.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "control.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	spool, err := collect.OpenSpool(t.TempDir(), 1<<20)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, spool.Close()) })
	return store, spool
}

func growingCourse(t *testing.T, seed uint64, store *control.Store, spool *collect.Spool) *course {
	c := newCourse(t, seed*3, store, spool) // files are left in place
	c.log = &log{c: c, texts: map[int]string{}, lines: map[string]bool{}, out: map[string]lineOut{}}
	for range 40 {
		c.something(0)
	}
	c.settle()
	return c
}

// log is a file that a switch appends to, with its former ones and its copies.
type log struct {
	c     *course
	texts map[int]string // contents by number
	rest  string         // of the last line, which is not written yet
	lines map[string]bool
	out   map[string]lineOut
	turns int
}

// lineOut is under which id a line went out.
type lineOut struct {
	file udr.FileID
	seq  uint64
}

const current = "a.csv"

func (l *log) changes() {
	c := l.c
	c.made++
	now := c.clock.now.Add(time.Duration(c.made) * time.Millisecond)
	f, there := c.files[current]
	switch n := c.rng.IntN(8); {
	case n < 5 || !there:
		l.appends(now, true)
	case n == 5 && l.rest == "":
		l.turns++
		to := fmt.Sprintf("r%d.csv", l.turns)
		c.say("the log is now %s", to)
		c.files[to] = f
		delete(c.files, current)
	case n == 6 && l.rest == "":
		c.say("the log is copied")
		c.files[fmt.Sprintf("copy%d.csv", c.rng.IntN(2))] = lying{f.content, now}
	case n == 7:
		c.files[current] = lying{f.content, now}
	}
}

// appends adds lines to the log, the last of which may be cut.
func (l *log) appends(now time.Time, cut bool) {
	c := l.c
	text := header
	if f, ok := c.files[current]; ok {
		text = l.texts[f.content]
	}
	text += l.rest
	l.rest = ""
	for range 1 + c.rng.IntN(3) {
		line := fmt.Sprintf("214070000000000;1773702602;%d", 100_000_000+len(l.lines))
		l.lines[line] = true
		text += line + "\n"
	}
	if cut && c.rng.IntN(3) == 0 {
		at := len(text) - 1 - c.rng.IntN(30)
		text, l.rest = text[:at], text[at:]
	}
	l.texts[c.made] = text
	c.files[current] = lying{c.made, now}
	c.say("the log has %d bytes, and lacks %q", len(text), l.rest)
}

// ends writes what is missing of the last line.
func (l *log) ends() {
	if l.rest != "" {
		l.c.made++
		l.appends(l.c.clock.now.Add(time.Minute), false)
	}
}

func (l *log) appended(messages []broker.Message) {
	c := l.c
	for _, m := range messages {
		var b udr.Batch
		require.NoError(c, udr.ParseBatch(m.Value, &b))
		for _, raw := range b.Suspended {
			var s udr.Suspended
			require.NoError(c, udr.ParseSuspended(raw, &s))
			line, now := strings.TrimRight(string(s.Raw), "\n"), lineOut{b.File, s.Seq}
			if !l.lines[line] {
				c.fault("%q goes out, which is no whole line", line)
			}
			if was, ok := l.out[line]; ok && was != now {
				c.fault("%q goes out twice", line)
			}
			l.out[line] = now
		}
		if b.End == nil || b.End.Records == 0 {
			continue
		}
		records := 0
		for _, o := range l.out {
			if o.file == b.File {
				records++
			}
		}
		if int(b.End.Records) != records {
			c.fault("%s ends with %d records, and %d went out", b.File, b.End.Records, records)
		}
	}
}

// judge says what is missing when all is calm.
func (l *log) judge(all []control.File) {
	for line := range l.lines {
		if _, ok := l.out[line]; !ok {
			l.c.fault("%q never goes out", line)
		}
	}
	for _, f := range all {
		part := f.Pins.Part
		if f.State != control.Done {
			continue
		}
		read := part.From + f.Progress.Read.Bytes
		if part.From == 0 {
			read += int64(len(header))
		}
		if read != part.Size {
			l.c.fault("file %d has %d bytes, and its parts %d", f.Number, part.Size, read)
		}
	}
}
