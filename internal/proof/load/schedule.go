package load

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"ratemill/internal/demo/generate"
)

// Landing is a file and its landing time, relative to the beginning of the load.
type Landing struct {
	File generate.File
	At   time.Duration
}

// Schedule lets files land at a rate of records a second over all carriers, each file when its last record is due.
// Files of a carrier keep their order, and carriers take turns according to their remaining shares. A rate of 0 lets
// all files land at once.
func Schedule(files []generate.File, rate float64) []Landing {
	total, sent := map[string]int{}, map[string]int{}
	for _, f := range files {
		total[f.Source] += f.Records
	}
	type turn struct {
		file generate.File
		part float64 // the file's share of its carrier's records
	}
	turns := make([]turn, len(files))
	for i, f := range files {
		sent[f.Source] += f.Records
		turns[i] = turn{f, float64(sent[f.Source]) / float64(max(1, total[f.Source]))}
	}
	slices.SortStableFunc(turns, func(a, b turn) int { return cmp.Compare(a.part, b.part) })
	landings, records := make([]Landing, len(turns)), 0
	for i, t := range turns {
		records += t.file.Records
		landings[i].File = t.file
		if rate > 0 {
			landings[i].At = time.Duration(float64(records)/rate*1e6) * time.Microsecond
		}
	}
	return landings
}

// allFiles returns the files of all carriers, each carrier's in sending order.
func allFiles(o generate.Options) ([]generate.File, error) {
	each, err := generate.Files(o)
	if err != nil {
		return nil, err
	}
	var files []generate.File
	seen := map[string]bool{}
	for f := range each {
		if path := filepath.Join(f.Source, f.Name); seen[path] {
			return nil, fmt.Errorf("two generated files are called %s", path)
		} else {
			seen[path] = true
		}
		files = append(files, f)
	}
	return files, nil
}

func recordsOf(files []generate.File) (n int) {
	for _, f := range files {
		n += f.Records
	}
	return n
}
