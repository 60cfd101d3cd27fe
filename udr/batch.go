package udr

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"ratemill/internal/wire"
)

// Pin is everything on which the outcome of a file depends, besides its content. It is fixed when the file is first
// read, so that reading the file again after a crash gives the same records for the same partitions.
type Pin struct {
	Source    string
	Rules     string // version of the source's rules
	Registry  uint64 // revision of the registry
	Catalogue string // version of the catalogue
	// DuplicateWithin is for how many seconds a record's duplicate key is remembered; 0: the source has no duplicate
	// key.
	DuplicateWithin uint32
	// SessionWithin is for how many seconds a session is remembered after its last part; 0: the source delivers whole
	// sessions.
	SessionWithin uint32
	// Taken is when the file was taken, by the control store's clock; 0: unknown, and no usage of it is late.
	Taken Instant
	// LateUntil is how many billing cycles after its own cycle usage is still rated; 0: always.
	LateUntil uint32
}

// Suspended is a record that could not be processed.
type Suspended struct {
	Seq, Line uint64
	Bytes     uint32
	Raw       []byte
	Preamble  []byte // the text before the records of its file that gives raw its meaning: a header
	Why       SuspendError
	Usage     []byte // the message Usage, as far as the record was mapped
	// Part is the number of this usage record among the Parts of the raw record, from 1. Both are 0 if the raw record
	// as a whole is suspended, and if rating suspends, because rating knows no raw records.
	Part, Parts uint32
}

// UnitTotal is the quantity of a usage class in a file.
type UnitTotal struct {
	Class    string
	Quantity int64
}

// FileEnd closes a file in a partition; only the file's home partition gets the totals, and there Name is not empty.
type FileEnd struct {
	Name          string
	Records       uint64 // raw records read
	Added         uint64 // usage records beyond one per raw record
	Filtered      uint64
	Mapped        uint64
	Suspended     uint64
	Bytes         uint64
	FramingBytes  uint64
	FilteredBytes uint64
	Taken         Instant
	Units         []UnitTotal
	Retried       []ID   // of a retry batch: the suspended records that it brings back
	Continues     FileID // the file that this one continues; zero for a file read from its beginning
}

// Batch is a message of the usage topic: records of one file for one partition, in the file's order.
type Batch struct {
	Pin
	File      FileID
	Follows   uint64   // the file's last sequence in this partition before this batch
	Last      uint64   // last sequence in this batch
	Usage     [][]byte // messages Usage
	Suspended [][]byte // messages Suspended
	End       *FileEnd
}

// AppendBatchHeader appends the header of a batch. Fields may come in any order in Protobuf, so a batch is its header
// followed by its records, each appended as soon as it is known.
func AppendBatchHeader(dst []byte, b *Batch) []byte {
	dst = wire.AppendBytes(dst, 1, b.File[:])
	dst = wire.AppendVarint(dst, 2, b.Follows)
	dst = wire.AppendVarint(dst, 3, b.Last)
	dst = wire.AppendVarint(dst, 4, b.Registry)
	dst = wire.AppendString(dst, 5, b.Catalogue)
	dst = wire.AppendString(dst, 6, b.Source)
	dst = wire.AppendString(dst, 7, b.Rules)
	dst = wire.AppendVarint(dst, 11, uint64(b.DuplicateWithin))
	dst = wire.AppendVarint(dst, 12, uint64(b.SessionWithin))
	dst = wire.AppendFixed(dst, 13, int64(b.Taken))
	dst = wire.AppendVarint(dst, 14, uint64(b.LateUntil))
	if b.End != nil {
		dst = AppendFileEnd(dst, 10, b.End)
	}
	return dst
}

// AppendBatchUsage appends a usage record to a batch.
func AppendBatchUsage(dst []byte, u *Usage) []byte {
	dst, at := wire.Open(dst, 8)
	dst = AppendUsage(dst, u)
	wire.Close(dst, at)
	return dst
}

// AppendBatchSuspended appends a suspended record to a batch.
func AppendBatchSuspended(dst []byte, s *Suspended) []byte {
	dst, at := wire.Open(dst, 9)
	dst = AppendSuspended(dst, s)
	wire.Close(dst, at)
	return dst
}

// AppendSuspended appends s as the message Suspended.
func AppendSuspended(dst []byte, s *Suspended) []byte {
	dst = wire.AppendVarint(dst, 1, s.Seq)
	dst = wire.AppendVarint(dst, 2, s.Line)
	dst = wire.AppendVarint(dst, 3, uint64(s.Bytes))
	dst = wire.AppendBytes(dst, 4, s.Raw)
	dst = wire.AppendString(dst, 5, s.Why.Code)
	dst = wire.AppendString(dst, 6, s.Why.Rule)
	dst = wire.AppendString(dst, 7, s.Why.Position)
	dst = wire.AppendString(dst, 8, s.Why.Values)
	dst = wire.AppendString(dst, 9, s.Why.Reason)
	dst = wire.AppendBytes(dst, 10, s.Usage)
	dst = wire.AppendBytes(dst, 11, s.Preamble)
	dst = wire.AppendVarint(dst, 12, uint64(s.Part))
	return wire.AppendVarint(dst, 13, uint64(s.Parts))
}

// ParseSuspended parses the output of AppendSuspended; s then points into data.
func ParseSuspended(data []byte, s *Suspended) error {
	*s = Suspended{}
	return wire.Fields("Suspended", data, func(n protowire.Number, v uint64, b []byte) error {
		switch n {
		case 1:
			s.Seq = v
		case 2:
			s.Line = v
		case 3:
			s.Bytes = uint32(v)
		case 4:
			s.Raw = b
		case 5:
			s.Why.Code = wire.Text(b)
		case 6:
			s.Why.Rule = wire.Text(b)
		case 7:
			s.Why.Position = wire.Text(b)
		case 8:
			s.Why.Values = wire.Text(b)
		case 9:
			s.Why.Reason = wire.Text(b)
		case 10:
			s.Usage = b
		case 11:
			s.Preamble = b
		case 12:
			s.Part = uint32(v)
		case 13:
			s.Parts = uint32(v)
		}
		return nil
	})
}

// AppendFileEnd appends e as field n of the message it is part of.
func AppendFileEnd(dst []byte, n protowire.Number, e *FileEnd) []byte {
	dst, end := wire.Open(dst, n)
	dst = wire.AppendString(dst, 1, e.Name)
	dst = wire.AppendVarint(dst, 2, e.Records)
	dst = wire.AppendVarint(dst, 3, e.Added)
	dst = wire.AppendVarint(dst, 4, e.Filtered)
	dst = wire.AppendVarint(dst, 5, e.Mapped)
	dst = wire.AppendVarint(dst, 6, e.Suspended)
	dst = wire.AppendVarint(dst, 7, e.Bytes)
	dst = wire.AppendVarint(dst, 8, e.FramingBytes)
	dst = wire.AppendVarint(dst, 9, e.FilteredBytes)
	dst = wire.AppendFixed(dst, 10, int64(e.Taken))
	for _, u := range e.Units {
		var at int
		dst, at = wire.Open(dst, 12)
		dst = wire.AppendVarint(wire.AppendString(dst, 1, u.Class), 2, uint64(u.Quantity))
		wire.Close(dst, at)
	}
	for _, id := range e.Retried {
		var at int
		dst, at = wire.Open(dst, 13)
		dst = wire.AppendVarint(wire.AppendBytes(dst, 1, id.File[:]), 2, id.Seq)
		wire.Close(dst, at)
	}
	if !e.Continues.IsZero() {
		dst = wire.AppendBytes(dst, 14, e.Continues[:])
	}
	wire.Close(dst, end)
	return dst
}

// ParseFileEnd parses the output of AppendFileEnd.
func ParseFileEnd(data []byte) (*FileEnd, error) {
	e := &FileEnd{}
	err := wire.Fields("FileEnd", data, func(n protowire.Number, v uint64, b []byte) error {
		switch n {
		case 1:
			e.Name = string(b)
		case 2:
			e.Records = v
		case 3:
			e.Added = v
		case 4:
			e.Filtered = v
		case 5:
			e.Mapped = v
		case 6:
			e.Suspended = v
		case 7:
			e.Bytes = v
		case 8:
			e.FramingBytes = v
		case 9:
			e.FilteredBytes = v
		case 10:
			e.Taken = Instant(v)
		case 12:
			var u UnitTotal
			err := wire.Fields("UnitTotal", b, func(n protowire.Number, v uint64, b []byte) error {
				switch n {
				case 1:
					u.Class = string(b)
				case 2:
					u.Quantity = int64(v)
				}
				return nil
			})
			e.Units = append(e.Units, u)
			return err
		case 14:
			copy(e.Continues[:], b)
		case 13:
			var id ID
			err := wire.Fields("Origin", b, func(n protowire.Number, v uint64, b []byte) error {
				switch n {
				case 1:
					copy(id.File[:], b)
				case 2:
					id.Seq = v
				}
				return nil
			})
			e.Retried = append(e.Retried, id)
			return err
		}
		return nil
	})
	return e, err
}

// ParseBatch reads a message of the usage topic into b, which then points into data. Records stay encoded, for those
// readers that need them.
func ParseBatch(data []byte, b *Batch) error {
	clear(b.Usage) // otherwise the rest of the slice would keep the message of a longer batch in memory
	clear(b.Suspended)
	*b = Batch{Usage: b.Usage[:0], Suspended: b.Suspended[:0]}
	return wire.Fields("UsageBatch", data, func(n protowire.Number, v uint64, field []byte) (err error) {
		switch n {
		case 1:
			if len(field) != len(b.File) {
				return fmt.Errorf("file id has %d bytes, not %d", len(field), len(b.File))
			}
			copy(b.File[:], field)
		case 2:
			b.Follows = v
		case 3:
			b.Last = v
		case 4:
			b.Registry = v
		case 5:
			b.Catalogue = wire.Text(field)
		case 6:
			b.Source = wire.Text(field)
		case 7:
			b.Rules = wire.Text(field)
		case 8:
			b.Usage = append(b.Usage, field)
		case 9:
			b.Suspended = append(b.Suspended, field)
		case 10:
			b.End, err = ParseFileEnd(field)
		case 11:
			b.DuplicateWithin = uint32(v)
		case 12:
			b.SessionWithin = uint32(v)
		case 13:
			b.Taken = Instant(v)
		case 14:
			b.LateUntil = uint32(v)
		}
		return err
	})
}
