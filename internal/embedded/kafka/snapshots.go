package kafka

import (
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A kfake broker that ends gracefully leaves a snapshot of each partition, and a broker that finds one reads the
// partition's segments one after another. Without a valid snapshot, as after kill -9, it reads all segments into
// memory at once, which takes as much memory as the log is long. So this package writes a snapshot for each partition
// without one, with no more content than the segments have: kfake corrects the ends to what it finds in the segments,
// and cuts off a torn tail in either case.

// snapshot is kfake's persistPartSnapshot, version 1.
type snapshot struct {
	Version          int       `json:"version"`
	HighWatermark    int64     `json:"high_watermark"`
	LastStableOffset int64     `json:"last_stable_offset"`
	LogStartOffset   int64     `json:"log_start_offset"`
	Epoch            int32     `json:"epoch"`
	CreatedAt        time.Time `json:"created_at"`
	Segments         []segment `json:"segments"`
}

type segment struct {
	BaseOffset int64 `json:"base_offset"`
	Size       int64 `json:"size"`
}

const snapshotFile = "snapshot.json"

// completeSnapshots writes the snapshots that a killed broker could not.
func completeSnapshots(log string) error {
	return filepath.WalkDir(log, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the first start
		}
		if err != nil || !e.IsDir() {
			return err
		}
		segments, err := segmentsOf(path)
		if err != nil || len(segments) == 0 {
			return err
		}
		return completeSnapshot(path, segments)
	})
}

func completeSnapshot(partition string, segments []segment) error {
	var s snapshot
	text, err := os.ReadFile(filepath.Join(partition, snapshotFile))
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err == nil && (s.Version != 1 || slices.Equal(s.Segments, segments)) {
		return nil // it is valid, or its validity cannot be determined
	}
	s = snapshot{
		Version: 1, HighWatermark: math.MaxInt64, LastStableOffset: math.MaxInt64,
		LogStartOffset: max(s.LogStartOffset, segments[0].BaseOffset), Epoch: s.Epoch, CreatedAt: s.CreatedAt, Segments: segments,
	}
	if s.CreatedAt.IsZero() {
		s.CreatedAt = time.Now()
	}
	return writeSnapshot(partition, s)
}

// segmentsOf returns the segments in a partition's folder, sorted by first offset.
func segmentsOf(partition string) (segments []segment, err error) {
	entries, err := os.ReadDir(partition)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		name, is := strings.CutSuffix(e.Name(), ".dat")
		base, err := strconv.ParseInt(name, 10, 64)
		if !is || err != nil {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		segments = append(segments, segment{base, info.Size()})
	}
	slices.SortFunc(segments, func(a, b segment) int { return int(min(max(a.BaseOffset-b.BaseOffset, -1), 1)) })
	return segments, nil
}
