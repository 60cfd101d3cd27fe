package kafka

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// Retention depends on the machine's clock. If that clock jumps ahead (an empty battery, a restored machine, a wrong
// year), everything expires at once, including usage that has not been rated. So the broker stores the time at which
// it last ran. If the clock is ahead of that by more than jump, no message is deleted until the broker has run for
// holdOff: by then, waiting messages are rated and stored. The same happens after the broker was stopped for that
// long, which only costs disk space.
const (
	jump    = 24 * time.Hour
	holdOff = 24 * time.Hour
)

func aliveOf(dir string) string { return filepath.Join(dir, "alive") }

// heldOf returns how long the broker has run since a jump.
func heldOf(dir string) string { return filepath.Join(dir, "held-off") }

// lastAlive returns the time at which the broker last ran, by the clock at that time; zero if unknown.
func lastAlive(dir string) (t time.Time) {
	text, err := os.ReadFile(aliveOf(dir))
	if err == nil {
		_ = t.UnmarshalText(text)
	}
	return t
}

func apart(a, b time.Time) bool { return !a.IsZero() && a.Sub(b).Abs() > jump }

// heldOff reports whether the log must not be cleaned now.
func heldOff(dir string, now time.Time) bool {
	if apart(lastAlive(dir), now) {
		return true
	}
	_, err := os.Stat(heldOf(dir))
	return !errors.Is(err, fs.ErrNotExist)
}

// watch checks the clock while the broker runs.
type watch struct {
	dir string
	log *slog.Logger
	at  time.Time // time of the last check
	ran time.Duration
}

// newWatch returns the watch of a starting broker.
func newWatch(dir string, log *slog.Logger, now time.Time) *watch {
	w := &watch{dir: dir, log: log, at: now}
	if text, err := os.ReadFile(heldOf(dir)); err == nil {
		w.ran, _ = time.ParseDuration(string(text))
	}
	w.note(lastAlive(dir), now)
	return w
}

// look records that the broker is still running.
func (w *watch) look(now time.Time) {
	w.ran += max(now.Sub(w.at), 0) // by the monotonic clock
	w.at = now
	w.note(lastAlive(w.dir), now)
}

func (w *watch) note(alive, now time.Time) {
	held := false
	if _, err := os.Stat(heldOf(w.dir)); err == nil {
		held = true
	}
	switch {
	case apart(alive, now.Round(0)):
		w.ran = 0
		w.log.Warn("the clock has jumped by more than a day since the embedded Kafka last ran; it deletes nothing from its log until it has "+
			"run for a day",
			"last", alive.UTC().Format(time.RFC3339), "now", now.UTC().Format(time.RFC3339))
		held = true
	case held && w.ran >= holdOff:
		w.log.Warn("the embedded Kafka has run for a day since the clock jumped; it cleans its log again")
		if err := os.Remove(heldOf(w.dir)); err != nil {
			w.log.Warn("the embedded Kafka cannot record that its log is cleaned again", "err", err)
		}
		held = false
	}
	if held {
		w.write(heldOf(w.dir), []byte(w.ran.String()))
	}
	text, _ := now.UTC().Truncate(time.Second).MarshalText()
	w.write(aliveOf(w.dir), text)
}

// write replaces a file atomically; if it were truncated, the jump would be lost.
func (w *watch) write(path string, text []byte) {
	err := os.WriteFile(path+".new", text, 0o600)
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		w.log.Debug("the embedded Kafka cannot record that it is running", "err", err)
	}
}
