package roles

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"ratemill/mediation/source"
)

// A source is identified by its name, which is part of its files' ids, duplicate keys and sessions. A new source for
// the files of another source would read and charge all remaining files again. So ratemill does not read it until its
// document states its relation to the other source.

// held returns the reasons why sources of the project are not read, by name.
func (n *Node) held(ctx context.Context) (map[string]string, error) {
	before, err := n.Store.Sources(ctx)
	if err != nil {
		return nil, err
	}
	held := map[string]string{}
	for _, s := range n.Project.Sources.Sources {
		if slices.Contains(before, s.Name) {
			continue
		}
		takes := s.Collect.Taker(n.Config.Project)
		for _, other := range before {
			if slices.Contains(s.Rereads, other) {
				continue
			}
			files, last, err := n.readBy(ctx, other, takes)
			if err != nil {
				return nil, err
			}
			if files > 0 {
				held[s.Name] = heldBack(s, other, files, last)
				break
			}
		}
	}
	return held, nil
}

func heldBack(s *source.Source, other string, files int, last string) string {
	return fmt.Sprintf("it is new and matches files that source %[2]s has read (%[3]d, %[4]s is one), so it would charge them again; "+
		"nothing of it is read. If it is %[2]s under another name, write `formerly: %[2]s` into sources/%[1]s.yaml; if it is another source "+
		"that reads these files once more, write `rereads: %[2]s`, or narrow collect.match; then start ratemill again",
		s.Title, other, files, strings.TrimPrefix(last, "/"))
}

// readBy returns the number of files that were read by a source and that another source also matches, and the last
// of these files.
func (n *Node) readBy(ctx context.Context, name string, takes func(string) bool) (files int, last string, err error) {
	version, err := n.Store.LastRules(ctx, name)
	if err != nil || version == "" {
		return 0, "", err
	}
	was, err := n.reference.Source(ctx, name, version)
	if err != nil {
		n.Log.Warn("it is no longer known where a source had its files; files that it read are not compared with those of "+
			"new sources", "source",
			name, "err", err)
		return 0, "", nil
	}
	err = n.Store.PathsRead(ctx, name, func(path string) {
		if takes(was.Collect.Whole(n.Config.Project, path)) {
			files, last = files+1, path
		}
	})
	return files, last, err
}
