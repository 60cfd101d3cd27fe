package collect

import (
	"context"
	"fmt"
	"strings"
)

// Find lists the paths at which the content of a listed file e may be now: at its own path, under its private name
// while it is being moved or deleted, and in the directory of collect.after, with a number if its name was taken
// there. Nothing is changed. A file that is found may have other content, or may have grown.
func (s *Site) Find(ctx context.Context, e Entry) (found []Entry, err error) {
	paths := []string{e.Path, privateName(e)}
	if directory := s.options.After.Move; directory != "" {
		if s.options.SFTP == nil { // a path below the source's directory
			directory = strings.Trim(directory, "/")
		}
		moved := joined(directory, base(e.Path))
		paths = append(paths, moved)
		for i := 1; i < 10; i++ {
			paths = append(paths, fmt.Sprintf("%s.%d", moved, i))
		}
	}
	for _, path := range paths {
		now, err := s.now(ctx, path)
		if err != nil {
			return nil, err
		}
		if now != nil && now.Size >= e.Size {
			found = append(found, *now)
		}
	}
	return found, nil
}
