package crash

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"ratemill/internal/output"
	"ratemill/internal/proof/installation"
)

// Report describes what was done and what was found.
type Report struct {
	Options Options
	most    int // number of differences that are shown

	// Done.
	Records, Files int
	Kills          map[string]int // by role
	Stops          int            // raters stopped for longer than their session
	Ends           int            // in order
	LongestEnd     time.Duration
	Outages        map[string]int // by engine, outages that begin with kill -9
	Restarts       map[string]int // by engine, outages that begin with SIGTERM
	Cuts           int            // of SFTP connections
	Stalls         int            // of the SFTP server
	Full           map[string]int // number of disks that were full
	Restored       int            // number of times that the control store was restored from a copy, and refused
	Jumps          int            // of clocks
	Renamed        int            // number of times that sources were renamed
	Removed        int            // number of sources that were removed
	Retries        int            // number of retry batches of suspended records
	Catalogues     int            // catalogue versions to which files were pinned
	Revisions      int            // registry revisions to which files were pinned
	Checkpoints    int            // checkpoint entries that remain
	Compacted      int            // entries that compaction removed before the last restore
	Took           time.Duration

	// Found.
	Flowed      map[string]int // expected content: draws from pools, and events by kind
	Compared    map[string]int // rows, by kind
	Differences []string
	Differing   int
	Spoiled     []string // differences after the warehouse was corrupted
	Parts       []string // ClickHouse's parts of the tables, if something differs
	Stall       time.Duration
	Memory      map[string]int64 // peak resident memory of a process, by role
	LogLines    map[string]int
}

func newReport(o Options) *Report {
	return &Report{Options: o, most: mostDifferences, Kills: map[string]int{}, Outages: map[string]int{}, Restarts: map[string]int{},
		Full: map[string]int{}, Flowed: map[string]int{}, Compared: map[string]int{}, Memory: map[string]int64{}, LogLines: map[string]int{}}
}

const mostDifferences = 30 // number of differences that a run shows

func (r *Report) differs(format string, args ...any) {
	if r.Differing++; r.Differing <= r.most {
		r.Differences = append(r.Differences, fmt.Sprintf(format, args...))
	}
}

// stopped records a process that was asked to end.
func (r *Report) stopped(took time.Duration, err error) {
	if err != nil {
		r.differs("%v", err)
		return
	}
	r.Ends++
	r.LongestEnd = max(r.LongestEnd, took)
}

// process records the resources of a process.
func (r *Report) process(p *installation.Process) {
	r.Memory[string(p.Role)] = max(r.Memory[string(p.Role)], p.Peak)
	r.LogLines[string(p.Role)] += p.LogLines()
}

// The limits of a process's memory, and of a role's log: at the beginning, and for each disturbance, which may look
// like another outage to processes that share the engine. Both are several times the largest values ever observed.
const (
	mostMemory     = 400 << 20
	linesOfARole   = 300
	linesAfterEach = 60
)

// bounded checks memory and logs.
func (r *Report) bounded() {
	for role, peak := range r.Memory {
		if peak > mostMemory {
			r.differs("a process of %s had %d MiB of memory; %d are enough", role, peak>>20, mostMemory>>20)
		}
	}
	disturbances := r.Stops + r.Ends + r.Cuts + r.Stalls + r.Restored + r.Jumps + r.Renamed + r.Removed
	for _, of := range []map[string]int{r.Kills, r.Outages, r.Restarts, r.Full} {
		for _, n := range of {
			disturbances += n
		}
	}
	for role, lines := range r.LogLines {
		if most := linesOfARole + linesAfterEach*disturbances; lines > most {
			r.differs("%s logged %d lines over %d disturbances; %d are enough", role, lines, disturbances, most)
		}
	}
}

// String returns a table of what was done and what was found.
func (r *Report) String() string {
	var b strings.Builder
	t := output.New("what", "result").Amounts("result")
	row := func(what string, value any) { t.Add(what, fmt.Sprint(value)) }
	row("broker, control store", r.Options.Broker+", "+r.Options.Store)
	row("seed", r.Options.Seed)
	row("records sent", r.Records)
	row("files sent", r.Files)
	all := 0
	for _, role := range slices.Sorted(maps.Keys(r.Kills)) {
		row("kill -9: "+role, r.Kills[role])
		all += r.Kills[role]
	}
	row("kill -9 of roles, in all", all)
	row("raters stopped past their session", r.Stops)
	row("roles ended in order", r.Ends)
	row("  longest end", r.LongestEnd.Round(time.Millisecond))
	for _, engine := range slices.Sorted(maps.Keys(r.Outages)) {
		row("kill -9 and outage: "+engine, r.Outages[engine])
	}
	for _, engine := range slices.Sorted(maps.Keys(r.Restarts)) {
		row("SIGTERM and outage: "+engine, r.Restarts[engine])
	}
	for _, folder := range slices.Sorted(maps.Keys(r.Full)) {
		row("disk full: "+folder, r.Full[folder])
	}
	row("SFTP connections cut", r.Cuts)
	row("SFTP server stalled", r.Stalls)
	row("older control stores refused", r.Restored)
	row("clocks set wrong", r.Jumps)
	row("sources renamed", r.Renamed)
	row("sources removed", r.Removed)
	row("retry batches made", r.Retries)
	row("versions of the catalogue pinned", r.Catalogues)
	row("revisions of the registry pinned", r.Revisions)
	row("checkpoint entries left", r.Checkpoints)
	row("checkpoint entries compacted away", r.Compacted)
	row("took", r.Took.Round(time.Second))
	for _, what := range slices.Sorted(maps.Keys(r.Flowed)) {
		row("in it: "+what, r.Flowed[what])
	}
	for _, what := range slices.Sorted(maps.Keys(r.Compared)) {
		row("compared: "+what, r.Compared[what])
	}
	row("differences", r.Differing)
	row("longest stall", r.Stall.Round(time.Second))
	for _, role := range slices.Sorted(maps.Keys(r.Memory)) {
		row("most memory: "+role, fmt.Sprintf("%d MiB", r.Memory[role]>>20))
		row("lines logged: "+role, r.LogLines[role])
	}
	_ = t.Print(&b, output.Table) // writing to a Builder cannot fail
	for _, d := range r.Differences {
		fmt.Fprintf(&b, "✗ %s\n", d)
	}
	if more := r.Differing - len(r.Differences); more > 0 {
		fmt.Fprintf(&b, "✗ and %d more\n", more)
	}
	for _, p := range r.Parts {
		fmt.Fprintln(&b, p)
	}
	return b.String()
}
