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
	"ratemill/internal/proof/seeds"
	"ratemill/mediation/collect"
	"ratemill/udr"
)

// A switch appends to a file, stalls in the middle of a line, rotates the file and copies it, at any moment. Each line
// is sent once, and whole; the parts that were read together are the whole file.
func TestEveryCourseOfAFileThatGrowsReadsEachLineOnce(t *testing.T) {
	store, spool := courseStores(t)
	resumed := 0
	for seed := range seeds.Each(t, *courses, *courses) {
		c := growingCourse(t, seed, store, spool)
		if len(c.wrong) > 0 {
			t.Fatalf("course %d: %s\n%s", seed, strings.Join(c.wrong, "\n"), strings.Join(c.said, "\n"))
		}
		resumed += c.resumed
	}
	require.Greater(t, resumed, *courses, "files are fetched by their new bytes")
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
	c.log = &log{c: c, rewritten: seed%3 == 0, texts: map[int]string{}, lines: map[string]bool{}, out: map[string]lineOut{}}
	for range 40 {
		c.something(0)
	}
	c.settle()
	return c
}

// log is a file to which a switch appends, with its former files and its copies.
type log struct {
	c     *course
	texts map[int]string // contents by number
	rest  string         // of the last line, which is not written yet
	lines map[string]bool
	out   map[string]lineOut
	turns int

	rewritten bool // a part that was read changes at the end of the course
}

// lineOut is the id under which a line was sent.
type lineOut struct {
	file udr.FileID
	seq  uint64
}

const (
	current   = "a.csv"
	logWindow = 40 // the compared bytes: more than a line has
)

func (l *log) changes() {
	c := l.c
	c.made++
	now := c.clock.now.Add(time.Duration(c.made) * time.Millisecond)
	f, there := c.files[current]
	switch n := c.rng.IntN(8); {
	case n < 5 || !there:
		l.appends(now, 1+c.rng.IntN(3), true)
	case n == 5 && l.rest == "":
		l.turns++
		to := fmt.Sprintf("r%d.csv", l.turns)
		c.say("the log is now %s", to)
		c.files[to] = f
		delete(c.files, current)
		switch c.rng.IntN(3) {
		case 0: // by a copy, and it has as many bytes again before the next listing
			c.made++
			l.appends(now, strings.Count(l.texts[f.content], "\n")-1, false)
		case 1: // or more
			c.made++
			l.appends(now, strings.Count(l.texts[f.content], "\n")+c.rng.IntN(3), true)
		}
	case n == 6 && l.rest == "":
		c.say("the log is copied")
		c.files[fmt.Sprintf("copy%d.csv", c.rng.IntN(2))] = lying{f.content, now}
	case n == 7 && c.rng.IntN(2) == 0:
		c.source, c.former = c.former, c.source
		c.say("the source has other rules")
	case n == 7:
		c.files[current] = lying{f.content, now}
	}
}

// appends adds lines to the log; the last one may be cut.
func (l *log) appends(now time.Time, lines int, cut bool) {
	c := l.c
	text := header
	if f, ok := c.files[current]; ok {
		text = l.texts[f.content]
	}
	text += l.rest
	l.rest = ""
	for range lines {
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

// ends writes the missing part of the last line.
func (l *log) ends() {
	if l.rest != "" {
		l.c.made++
		l.appends(l.c.clock.now.Add(time.Minute), 1, false)
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

// judge reports everything that is missing in the end.
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

// rewrites changes a line that was read, before the bytes that are compared with each part. A begun file is read to its
// end, and the change is reported within a day.
func (l *log) rewrites() {
	c := l.c
	grows := func(lines int) {
		c.made++
		l.appends(c.clock.now.Add(time.Duration(c.made)*time.Millisecond), lines, false)
		c.watch()
	}
	works := func() {
		for c.mediate() {
		}
		c.clock.now = c.clock.now.Add(time.Hour)
		for c.mediate() {
		}
	}
	grows(8)
	works()
	lines := strings.SplitAfter(l.texts[c.files[current].content], "\n")
	lines[2] = strings.Replace(lines[2], ";1773702602;", ";1773702603;", 1)
	l.texts[c.files[current].content] = strings.Join(lines, "")
	c.say("what was read of the log has changed")
	for range 3 {
		grows(2)
		c.calm = false
		c.busy = 4 // no other actor does anything
		for range 3 {
			c.mediate()
		}
		c.calm, c.busy = true, 0
		c.clock.now = c.clock.now.Add(25 * time.Hour)
		works()
	}
	files, err := c.store.Files(c.Context(), control.FileFilter{Source: c.name})
	require.NoError(c, err)
	told := false
	for _, f := range files {
		c.say("%d %s %d %s open %v fetched %d: %s", f.Number, f.Path, f.Size, f.State, f.Open, f.Pins.Part.Fetched, f.Why)
		told = told || f.Pins.Part.Changed > 0 || strings.Contains(f.Why, "content that was read has changed")
		if strings.Contains(f.Why, "since reading began") {
			c.fault("file %d was begun, and is not read to its end", f.Number)
		}
	}
	if !told {
		c.fault("nobody tells that what was read has changed")
	}
}
