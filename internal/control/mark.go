package control

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Mark is a number that the control store gave out at some time and that another store then received. The marks
// show each store how recent its knowledge of the other is.
type Mark struct {
	Number int64
	At     time.Time
	Place  int64 // end of the other store at that time; 0 before that store has the mark
}

// Marks holds the control store's records of another store's marks.
type Marks struct {
	Given  Mark // the newest mark; the other store may or may not have it
	Has    Mark // newer than OnDisk; the other store has it
	OnDisk Mark `json:"Settled"` // the other store has had it for so long that it is on disk

	version int64
}

// onDiskAfter is the longest time for which an engine without replicas may keep acknowledged data in memory only,
// where a power cut loses it.
const onDiskAfter = 2 * time.Minute

// Marks returns the marks of another store.
func (s *Store) Marks(ctx context.Context, other string) (m Marks, err error) {
	setting, err := s.Setting(ctx, marksOf(other))
	if err != nil || setting.Version == 0 {
		return m, err
	}
	if err := json.Unmarshal(setting.Value, &m); err != nil {
		return m, fmt.Errorf("control store %s: the marks of %s: %w", s, other, err)
	}
	m.version = setting.Version
	return m, nil
}

// GiveMark gives out the mark after m.Given. It returns ErrConflict if another process was faster.
func (s *Store) GiveMark(ctx context.Context, other string, m Marks, at time.Time) (Marks, error) {
	m.Given = Mark{Number: m.Given.Number + 1, At: at.UTC()}
	return s.setMarks(ctx, other, m)
}

// HasMark records that the other store has m.Given, and that store's end at that time.
func (s *Store) HasMark(ctx context.Context, other string, m Marks, place int64) (Marks, error) {
	m.Given.Place = place
	switch since := m.Given.At.Sub(m.Has.At); {
	case m.Has.Number == 0 || since < 0:
		m.Has = m.Given
	case since >= onDiskAfter:
		m.OnDisk, m.Has = m.Has, m.Given
	}
	return s.setMarks(ctx, other, m)
}

// ForgetMarks deletes the marks of the other store, so that the store's present state is accepted from now on.
// number is the store's newest mark.
func (s *Store) ForgetMarks(ctx context.Context, other string, number int64, at time.Time, who, why string) error {
	m, err := s.Marks(ctx, other)
	if err != nil {
		return err
	}
	if err := s.Audit(ctx, AuditEntry{At: at, Who: who, What: "stores.accept", Subject: other, Detail: why}); err != nil {
		return err
	}
	_, err = s.setMarks(ctx, other, Marks{Given: Mark{Number: max(number, m.Given.Number), At: at.UTC()}, version: m.version})
	return err
}

func (s *Store) setMarks(ctx context.Context, other string, m Marks) (Marks, error) {
	value, err := json.Marshal(m)
	if err != nil {
		return m, err
	}
	err = s.SetSetting(ctx, marksOf(other), value, m.version)
	m.version++
	return m, err
}

func marksOf(other string) string { return "marks of " + other }
