package ratedlog

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"ratemill/rating"
	"ratemill/udr"
	"ratemill/udr/wire"
)

// Batch is a message of the rated log, as proto/ratemill/v1/log.proto publishes it. Records stay encoded, for those
// readers that need them.
type Batch struct {
	udr.Pin
	Epoch     int64
	Input     int64 // offset in the usage topic; meaningless in an epoch mark
	Mark      bool  // an epoch mark: it names the owner, and nothing else
	File      udr.FileID
	Last      uint64
	Rated     []RatedRecord
	Suspended [][]byte // messages udr.Suspended
	Duplicate [][]byte // messages udr.Usage
	Deltas    [][]byte // messages rating.Delta
	Sessions  [][]byte // messages rating.SessionState
	End       *udr.FileEnd
}

// RatedRecord is one rated record of a Batch, still encoded.
type RatedRecord struct {
	Usage   []byte
	Charges [][]byte
	Events  [][]byte
	Late    int // billing cycles of the root between the cycle of its use and that in which its file was taken; 0: in time
}

// AppendMark appends an epoch mark.
func AppendMark(dst []byte, epoch int64) []byte { return wire.AppendVarint(dst, 1, uint64(epoch)) }

// AppendHeader appends the header of a batch.
func AppendHeader(dst []byte, epoch, input int64, b *udr.Batch, last uint64) []byte {
	dst = wire.AppendVarint(dst, 1, uint64(epoch))
	dst = wire.AppendVarint(dst, 2, uint64(input)+1)
	dst = wire.AppendBytes(dst, 3, b.File[:])
	dst = wire.AppendVarint(dst, 4, last)
	dst = wire.AppendVarint(dst, 5, b.Registry)
	dst = wire.AppendString(dst, 6, b.Catalogue)
	dst = wire.AppendString(dst, 7, b.Source)
	dst = wire.AppendString(dst, 8, b.Rules)
	if b.End != nil {
		dst = udr.AppendFileEnd(dst, 13, b.End)
	}
	return wire.AppendVarint(dst, 14, uint64(b.DuplicateWithin))
}

// AppendRated appends a rated record: the original message Usage, and the results of rating.
func AppendRated(dst, usage []byte, late int, charges []rating.Charge, events []rating.Event) []byte {
	dst, at := wire.Open(dst, 9)
	dst = wire.AppendBytes(dst, 1, usage)
	for i := range charges {
		var c int
		dst, c = wire.Open(dst, 2)
		dst = rating.AppendCharge(dst, &charges[i])
		wire.Close(dst, c)
	}
	for i := range events {
		var e int
		dst, e = wire.Open(dst, 3)
		dst = rating.AppendEvent(dst, &events[i])
		wire.Close(dst, e)
	}
	dst = wire.AppendVarint(dst, 4, uint64(late))
	wire.Close(dst, at)
	return dst
}

// AppendDeltas appends a batch's changes of counters.
func AppendDeltas(dst []byte, deltas []rating.Delta) []byte {
	for i := range deltas {
		var d int
		dst, d = wire.Open(dst, 12)
		dst = rating.AppendDelta(dst, &deltas[i])
		wire.Close(dst, d)
	}
	return dst
}

// AppendSessions appends a batch's new states of sessions.
func AppendSessions(dst []byte, states []rating.SessionState) []byte {
	for i := range states {
		var s int
		dst, s = wire.Open(dst, 15)
		dst = rating.AppendSessionState(dst, &states[i])
		wire.Close(dst, s)
	}
	return dst
}

// ParseHeader reads the epoch and input position of a message of the rated log: all that a fold needs to decide whether
// it counts.
func ParseHeader(data []byte) (epoch, input int64, mark bool, err error) {
	mark = true
	for len(data) > 0 {
		n, typ, size := protowire.ConsumeTag(data)
		if size < 0 || typ != protowire.VarintType || n > 2 {
			break
		}
		v, more := protowire.ConsumeVarint(data[size:])
		if more < 0 {
			return 0, 0, false, fmt.Errorf("rated log: damaged header: %w", protowire.ParseError(more))
		}
		data = data[size+more:]
		if n == 1 {
			epoch = int64(v)
		} else {
			input, mark = int64(v)-1, v == 0
		}
	}
	if epoch == 0 {
		return 0, 0, false, fmt.Errorf("rated log: the message has no epoch, so ratemill did not write it")
	}
	return epoch, input, mark, nil
}

// ParseBatch parses a message of the rated log into b, which then points into data and no longer into the previous
// message.
func ParseBatch(data []byte, b *Batch) error {
	b.letGo()
	*b = Batch{Mark: true, Rated: b.Rated[:0], Suspended: b.Suspended[:0], Duplicate: b.Duplicate[:0], Deltas: b.Deltas[:0], Sessions: b.Sessions[:0]}
	return wire.Fields("RatedBatch", data, func(n protowire.Number, v uint64, field []byte) (err error) {
		switch n {
		case 1:
			b.Epoch = int64(v)
		case 2:
			b.Input, b.Mark = int64(v)-1, v == 0
		case 3:
			if len(field) != len(b.File) {
				return fmt.Errorf("file id has %d bytes, not %d", len(field), len(b.File))
			}
			copy(b.File[:], field)
		case 4:
			b.Last = v
		case 5:
			b.Registry = v
		case 6:
			b.Catalogue = wire.Text(field)
		case 7:
			b.Source = wire.Text(field)
		case 8:
			b.Rules = wire.Text(field)
		case 9:
			return b.addRated().parse(field)
		case 10:
			b.Suspended = append(b.Suspended, field)
		case 11:
			b.Duplicate = append(b.Duplicate, field)
		case 12:
			b.Deltas = append(b.Deltas, field)
		case 13:
			b.End, err = udr.ParseFileEnd(field)
		case 14:
			b.DuplicateWithin = uint32(v)
		case 15:
			b.Sessions = append(b.Sessions, field)
		}
		return err
	})
}

// letGo clears b's references into the message. Truncated slices would keep their references: record 900 into the last
// message that had so many, its third charge into another, and each of these messages would stay in memory as a whole.
func (b *Batch) letGo() {
	for i := range b.Rated {
		r := &b.Rated[i]
		clear(r.Charges)
		clear(r.Events)
		*r = RatedRecord{Charges: r.Charges[:0], Events: r.Events[:0]}
	}
	clear(b.Suspended)
	clear(b.Duplicate)
	clear(b.Deltas)
	clear(b.Sessions)
}

// addRated appends a record and reuses the memory of the previous one there.
func (b *Batch) addRated() *RatedRecord {
	if len(b.Rated) < cap(b.Rated) {
		b.Rated = b.Rated[:len(b.Rated)+1]
	} else {
		b.Rated = append(b.Rated, RatedRecord{})
	}
	return &b.Rated[len(b.Rated)-1]
}

func (r *RatedRecord) parse(data []byte) error {
	return wire.Fields("Rated", data, func(n protowire.Number, v uint64, field []byte) error {
		switch n {
		case 1:
			r.Usage = field
		case 2:
			r.Charges = append(r.Charges, field)
		case 3:
			r.Events = append(r.Events, field)
		case 4:
			r.Late = int(v)
		}
		return nil
	})
}
