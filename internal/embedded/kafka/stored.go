package kafka

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"slices"

	"github.com/twmb/franz-go/pkg/kfake"
)

// Retention decides when messages may be deleted; Options.Stored decides which messages. Messages that a group of the
// topic has not committed are kept at any age, and all messages are kept while a group has committed nothing, because
// it may return. A cleaning restores the segments that retention removed too early, from the log that it copied.

// offsetsKept is the number of minutes for which committed offsets are kept: a hundred years, so that they outlive the
// messages.
const offsetsKept = 100 * 365 * 24 * 60

// floors returns the offsets from which on each partition's messages must stay.
func floors(cluster *kfake.Cluster, stored map[string][]string) map[string]int64 {
	all := map[string]int64{} // by the partition's folder
	for topic, groups := range stored {
		for _, p := range cluster.PartitionInfos(topic) {
			floor := int64(math.MaxInt64)
			for _, group := range groups {
				var committed int64
				if info := cluster.GroupInfo(group); info != nil {
					committed = info.Commits[topic][p.Partition].Offset
				}
				floor = min(floor, committed)
			}
			all[filepath.Join("partitions", fmt.Sprintf("%s-%d", url.PathEscape(topic), p.Partition))] = floor
		}
	}
	return all
}

// putBack makes a cleaned partition begin at floor or earlier, if the log had those messages.
func putBack(from, to string, floor int64) error {
	before, err := segmentsOf(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it never had a message
	}
	if err != nil || len(before) == 0 {
		return err
	}
	s, err := readSnapshot(to)
	if err != nil {
		return fmt.Errorf("its snapshot: %w", err)
	}
	was, _ := readSnapshot(from) // there is none after kill -9: the log begins with its segments
	start := max(floor, was.LogStartOffset, before[0].BaseOffset)
	if s.LogStartOffset <= start {
		return nil
	}
	for i, seg := range before {
		if i+1 < len(before) && before[i+1].BaseOffset <= start {
			continue // all of it may be deleted
		}
		for _, ending := range []string{".dat", ".idx"} {
			name := fmt.Sprint(seg.BaseOffset) + ending
			err := os.Link(filepath.Join(from, name), filepath.Join(to, name))
			if err != nil && !errors.Is(err, fs.ErrExist) && !(ending == ".idx" && errors.Is(err, fs.ErrNotExist)) {
				return err
			}
		}
	}
	if s.Segments, err = segmentsOf(to); err != nil {
		return err
	}
	s.HighWatermark, s.LastStableOffset, s.LogStartOffset = math.MaxInt64, math.MaxInt64, start
	return writeSnapshot(to, s)
}

func readSnapshot(partition string) (s snapshot, err error) {
	text, err := os.ReadFile(filepath.Join(partition, snapshotFile))
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, err
	}
	if s.Version != 1 {
		return s, fmt.Errorf("version %d is not known", s.Version)
	}
	return s, nil
}

func writeSnapshot(partition string, s snapshot) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	path := filepath.Join(partition, snapshotFile)
	if err := os.WriteFile(path+".tmp", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}

// putAllBack does the same as putBack for each partition.
func putAllBack(from, to string, floors map[string]int64) error {
	for _, partition := range slices.Sorted(maps.Keys(floors)) {
		if err := putBack(filepath.Join(from, partition), filepath.Join(to, partition), floors[partition]); err != nil {
			return fmt.Errorf("%s: %w", partition, err)
		}
	}
	return nil
}
