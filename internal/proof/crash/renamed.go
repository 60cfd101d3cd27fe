package crash

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"ratemill/internal/control"
	"ratemill/internal/project"
	"ratemill/internal/proof/installation"
	"ratemill/internal/ratedlog"
	"ratemill/internal/roles"
)

// Two sources are renamed as described in docs/rules.md (formerly). One has files that stay in place and would all
// be charged again; the other is the source of the growing file. Every third time, they get their first name back.
const stays = "meshnet"

var renames = []string{stays, grows}

// renamed holds the results for these sources.
type renamed struct {
	times     int
	versions  map[string][]string // versions of the documents by first name, oldest first
	delivered []int               // number of files that had been delivered at each time
}

func (r *run) newRenamed() *renamed {
	n := &renamed{versions: map[string][]string{}}
	for _, name := range renames {
		source, _ := r.Project.Sources.Source(name)
		n.versions[name] = []string{source.Version}
	}
	return n
}

// renameSources renames the sources, and restarts the mediators, some of them with kill -9. In the
// meantime, some processes have the old names and some the new ones.
func (r *run) renameSources() error {
	if err := r.settled(); err != nil {
		return err
	}
	n := r.renamed
	n.delivered = append(n.delivered, len(r.feed.delivered))
	dir := filepath.Join(r.Dir, "project")
	for _, name := range renames {
		before, after := named(name, n.times), named(name, n.times+1)
		path := filepath.Join(dir, "sources", before+".yaml")
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var lines [][]byte
		for line := range bytes.Lines(text) {
			switch {
			case bytes.HasPrefix(line, []byte("formerly:")):
				continue
			case bytes.HasPrefix(line, []byte("source:")):
				line = fmt.Appendf(nil, "source: %s\n", after)
				if after != name {
					line = fmt.Appendf(line, "formerly: %s\n", name)
				}
			}
			lines = append(lines, line)
		}
		if err := os.Remove(path); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "sources", after+".yaml"), bytes.Join(lines, nil), 0o644); err != nil {
			return err
		}
	}
	n.times++
	now, list := project.LoadDir(dir)
	if err := list.Err(); err != nil {
		return err
	}
	for _, name := range renames {
		source, there := now.Sources.Source(name)
		if !there {
			return fmt.Errorf("the project does not have source %s under its new name", name)
		}
		n.versions[name] = append(n.versions[name], source.Version)
	}
	r.report.Renamed++
	r.note("sources %v have other names, time %d", renames, n.times)
	for _, p := range r.of(roles.Mediation.Name) {
		if err := r.startAgain(p); err != nil {
			return err
		}
	}
	return nil
}

// named returns the name of a source after a number of changes.
func named(first string, times int) string {
	if times%3 == 0 {
		return first
	}
	return fmt.Sprintf("%s-%d", first, times)
}

// startAgain ends a running process, with SIGTERM or kill -9 at random, and restarts it. Processes that are not running
// read the project when they start.
func (r *run) startAgain(p *installation.Process) error {
	switch {
	case !p.Up:
		return nil
	case r.random.IntN(2) == 0:
		r.note("kill -9 %s", p.Name)
		p.Kill()
		r.report.Kills[p.Role]++
	default:
		r.note("SIGTERM %s", p.Name)
		took, err := p.Stop()
		r.report.stopped(took, err)
	}
	return p.Start()
}

// rules returns the version of the source's document that read a file. While sources are being renamed, the result
// depends on timing.
func (c *comparison) rules(b *ratedlog.Batch) string {
	if by := c.pins[b.File].Rules; slices.Contains(c.renamed[b.Source], by) {
		return by
	}
	return b.Rules
}

// compareRenamed checks that later files were read under the name that the source had then, and that everything is
// stored under the first name.
func (r *run) compareRenamed(ctx context.Context) error {
	names, err := r.Access.Store.Sources(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		if _, there := r.Project.Sources.Source(name); !there {
			r.report.differs("the ledger has files of source %s, and ought to have them under the source's first name", name)
		}
	}
	least := map[string]int{} // version of the document by path
	for i, a := range r.feed.delivered {
		if a.source != stays {
			continue
		}
		n := 0
		for n < r.renamed.times && i >= r.renamed.delivered[n] {
			n++
		}
		least[a.offline(r.Installation).Path] = n
	}
	files, err := r.Access.Store.Files(ctx, control.FileFilter{Source: stays, Limit: 5000})
	if err != nil {
		return err
	}
	for _, f := range files {
		if !f.Pinned || f.Retry > 0 {
			continue
		}
		versions := r.renamed.versions[stays]
		if !slices.Contains(versions[least[f.Path]:], f.Pins.Rules) {
			r.report.differs("%s came when source %s had got another name %d times, and was read by the document of an earlier name",
				f.Path, stays, least[f.Path])
		}
		if f.Pins.Rules != versions[0] {
			r.report.Compared["files of a renamed source"]++
		}
	}
	return nil
}
