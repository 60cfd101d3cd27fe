package kafka

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// kfake compacts and trims a log by deleting its files and rewriting them, so a kill in between loses the partition;
// and if the last segment of a partition is trimmed, the partition starts at offset 0 again when it is next opened. So
// its own cleaning is switched off (noCleaning), and this package cleans the log while no client is connected: in a
// copy made of hard links, which then replaces the log by renames. This happens when the broker starts, and from time
// to time while it runs; the log is then closed for as long as it takes to read the compacted topics.

// noCleaning is a cleaning interval of a year, in milliseconds.
const noCleaning = "31536000000"

// Cleaning reads every compacted partition, so it is not done at every start, but only if the log has grown enough.
// A running broker is cleaned when the log has grown by half since the last cleaning, and once a day.
const (
	cleanFrom  = 64 << 20
	cleanEvery = time.Hour
	cleanDaily = 24 * time.Hour
	cleanLook  = time.Minute // how often a running broker checks whether cleaning is due
)

// maintain cleans the log in dir when the broker starts, if that is due.
func maintain(dir string, stored map[string][]string, options []kfake.Opt) error {
	if err := recoverLog(dir); err != nil {
		return err
	}
	if age, _ := cleaned(dir); age < cleanEvery || sizeOf(dir) < cleanFrom || heldOff(dir, time.Now()) {
		return nil
	}
	return cleanNow(dir, stored, options)
}

// due reports whether a running broker should be cleaned.
func due(dir string) bool {
	age, left := cleaned(dir)
	size := sizeOf(dir)
	if heldOff(dir, time.Now()) {
		return false
	}
	return size >= cleanFrom && age >= cleanEvery && (size >= left+left/2 || age >= cleanDaily)
}

// cleaned returns the time since the last cleaning of the log, and the log's size after it.
func cleaned(dir string) (age time.Duration, left int64) {
	info, err := os.Stat(stampOf(dir))
	if err != nil {
		return cleanDaily, 0
	}
	text, _ := os.ReadFile(stampOf(dir))
	_, _ = fmt.Sscan(string(text), &left)
	return time.Since(info.ModTime()), left
}

func cleanNow(dir string, stored map[string][]string, options []kfake.Opt) error {
	if err := clean(dir, stored, options); err != nil {
		return err
	}
	return os.WriteFile(stampOf(dir), fmt.Append(nil, sizeOf(dir)), 0o600)
}

func sizeOf(dir string) (size int64) {
	filepath.WalkDir(logOf(dir), func(_ string, e fs.DirEntry, err error) error {
		if err == nil {
			if info, err := e.Info(); err == nil && e.Type().IsRegular() {
				size += info.Size()
			}
		}
		return nil
	})
	return size
}

func stampOf(dir string) string { return filepath.Join(dir, "cleaned") }
func logOf(dir string) string   { return filepath.Join(dir, "log") }
func nextOf(dir string) string  { return filepath.Join(dir, "log.next") }
func lastOf(dir string) string  { return filepath.Join(dir, "log.last") }

// recoverLog undoes an interrupted cleaning: if there is no log, it restores the one that was moved away.
func recoverLog(dir string) error {
	if _, err := os.Stat(logOf(dir)); errors.Is(err, fs.ErrNotExist) {
		if err := os.Rename(lastOf(dir), logOf(dir)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return errors.Join(os.RemoveAll(nextOf(dir)), os.RemoveAll(lastOf(dir)))
}

func clean(dir string, stored map[string][]string, options []kfake.Opt) error {
	if err := linkTree(logOf(dir), nextOf(dir)); err != nil {
		return fmt.Errorf("copying the log to clean it: %w", err)
	}
	if err := completeSnapshots(nextOf(dir)); err != nil {
		return fmt.Errorf("copying the log to clean it: %w", err)
	}
	cluster, err := kfake.NewCluster(slices.Concat(options, []kfake.Opt{kfake.DataDir(nextOf(dir))})...)
	if err != nil {
		return fmt.Errorf("opening the log to clean it: %w", err)
	}
	cluster.Compact() // and retention
	floors := floors(cluster, stored)
	cluster.Close()
	if err := putAllBack(logOf(dir), nextOf(dir), floors); err != nil {
		return fmt.Errorf("cleaning the log: %w", err)
	}
	if err := keepLastSegments(logOf(dir), nextOf(dir)); err != nil {
		return fmt.Errorf("cleaning the log: %w", err)
	}
	if err := os.Rename(logOf(dir), lastOf(dir)); err != nil {
		return err
	}
	if err := os.Rename(nextOf(dir), logOf(dir)); err != nil {
		return err
	}
	return os.RemoveAll(lastOf(dir))
}

// linkTree copies a log. Segments are never modified in place once a cleaning has begun, so links suffice.
func linkTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rest, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rest)
		switch {
		case e.IsDir():
			return os.MkdirAll(target, 0o700)
		case isSegment(path):
			return os.Link(path, target)
		}
		return copyFile(path, target)
	})
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// keepLastSegments restores the last segment of each partition that lost all of them, because only that shows the next
// offset.
func keepLastSegments(from, to string) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.IsDir() {
			return err
		}
		before, _ := filepath.Glob(filepath.Join(path, "*.dat"))
		rest, err := filepath.Rel(from, path)
		if err != nil || len(before) == 0 {
			return err
		}
		if after, _ := filepath.Glob(filepath.Join(to, rest, "*.dat")); len(after) > 0 {
			return nil
		}
		last := slices.MaxFunc(before, func(a, b string) int { // by base offset, with any number of digits
			if len(a) != len(b) {
				return len(a) - len(b)
			}
			return strings.Compare(a, b)
		})
		for _, file := range []string{last, strings.TrimSuffix(last, ".dat") + ".idx"} {
			if err := os.Link(file, filepath.Join(to, rest, filepath.Base(file))); err != nil {
				return err
			}
		}
		return nil
	})
}

func isSegment(path string) bool {
	return strings.HasSuffix(path, ".dat") || strings.HasSuffix(path, ".idx")
}
