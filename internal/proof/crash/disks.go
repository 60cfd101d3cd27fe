package crash

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ratemill/internal/proof/installation"
	"ratemill/internal/proof/testengine"
	"ratemill/internal/scrape"
)

// sizes holds the sizes of the disks, by the folders of an installation: little more than the engine needs.
var sizes = map[string]string{
	installation.SpoolFolder: "4m", installation.StoreFolder: "16m", installation.KafkaFolder: "64m", installation.ClickHouseFolder: "192m",
}

// fullDisk is a folder whose disk is full, with the expected symptoms.
type fullDisk struct {
	folder string
	engine string // engine that uses the folder, and is killed while its disk is full; "" for none
	says   string // words expected in the log of some process
	unfit  string // words expected in the /readyz of some process while the disk is full
}

var fullDisks = []fullDisk{
	{installation.SpoolFolder, "", "no space left on device", "mediation: "},
	{installation.StoreFolder, "", "disk is full", "control store: "},
	{installation.KafkaFolder, "kafka", "usually a full disk", "kafka: "},
	{installation.ClickHouseFolder, "clickhouse", "not enough space", "clickhouse: "},
}

// FullDisks fills the disk of each engine and of the spool, one after the other, while files arrive. It covers the
// embedded engines and SQLite. At least one process must report the full disk, no process may end, and everything
// must continue when there is space again. It runs under testengine.WithDisks.
func FullDisks(t testing.TB, o Options) *Report {
	t.Helper()
	disks := map[string]*testengine.Disk{}
	disturbed := o.disturbed()
	disturbed.Disk = func(dir string) {
		disks[filepath.Base(dir)] = testengine.NewDisk(t, dir, sizes[filepath.Base(dir)])
	}
	return play(t, o, disturbed, 1, func(r *run) error {
		if err := r.ready(r.cast); err != nil {
			return err
		}
		for i, full := range fullDisks {
			deliver := func(step int) error { return r.feed.deliver(2*i+step, 2*len(fullDisks)+1) }
			if err := deliver(1); err != nil {
				return err
			}
			if err := r.fill(full, disks[full.folder], func() error { return deliver(2) }); err != nil {
				return fmt.Errorf("the disk of %s is full: %w", full.folder, err)
			}
		}
		return r.feed.deliver(1, 1)
	})
}

// shortenLog writes SQLite's write-ahead log into the database and truncates the log. Otherwise SQLite overwrites the
// old part of the log, and can write for minutes although its disk is full.
func (r *run) shortenLog() error {
	path := filepath.Join(r.Dir, installation.StoreFolder, installation.StoreFile)
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(10000)")
	if err != nil {
		return err
	}
	defer db.Close()
	return r.until(func() string {
		var busy, frames, moved int
		err := db.QueryRowContext(r.t.Context(), "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &moved)
		if err != nil || busy != 0 {
			return fmt.Sprintf("SQLite's log cannot be emptied: somebody reads or writes it (%v)", err)
		}
		return ""
	})
}

// fill fills a disk, runs a function, waits until the symptoms show and for a while longer, kills the engine, and frees
// the disk again.
func (r *run) fill(full fullDisk, disk *testengine.Disk, meanwhile func() error) error {
	spoken := r.spoken()
	if full.folder == installation.StoreFolder {
		if err := r.shortenLog(); err != nil {
			return err
		}
	}
	r.note("filling the disk of %s", full.folder)
	e := r.engine(full.engine)
	fill := func() {
		disk.Fill(r.t)
		if e != nil && e.Ended() { // ratemill starts its embedded engines again
			r.note("%s ended by itself: %v", e.Name, e.Start())
		}
	}
	fill()
	began := time.Now()
	if err := meanwhile(); err != nil {
		return err
	}
	err := r.until(func() string {
		fill()
		for _, p := range r.cast {
			if strings.Contains(p.Log()[spoken[p]:], full.says) {
				return ""
			}
		}
		return fmt.Sprintf("nobody says %q", full.says)
	})
	if err != nil {
		return err
	}
	r.note("reported after %v", time.Since(began).Round(time.Millisecond))
	err = r.until(func() string {
		fill()
		for _, p := range r.cast {
			if ready, words, err := scrape.Ready(r.t.Context(), p.Metrics); err == nil && !ready &&
				strings.Contains("\n"+words, "\n"+full.unfit) {
				r.note("%s is not ready after %v: %s", p.Name, time.Since(began).Round(time.Millisecond), strings.TrimSpace(words))
				return ""
			}
		}
		return fmt.Sprintf("every process is ready, or does not report %q", full.unfit)
	})
	if err != nil {
		return err
	}
	for end := time.Now().Add(r.o.Outage); time.Now().Before(end); {
		fill()
		if err := r.pause(200 * time.Millisecond); err != nil {
			return err
		}
	}
	r.quiet(spoken, began, full.folder+"'s disk was full")
	if e != nil {
		r.note("kill -9 %s", e.Name)
		e.Kill()
	}
	disk.Free(r.t)
	r.note("there is room again")
	if e != nil {
		if err := e.Start(); err != nil {
			return err
		}
	}
	r.report.Full[full.folder]++
	return r.drain()
}
