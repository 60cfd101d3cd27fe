package ratedlog

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"ratemill/rating"
	"ratemill/udr"
	"ratemill/udr/wire"
)

// Batch is a message of the rated log, as proto/ratemill/v1/log.proto publishes it. Records stay encoded until a
// reader needs them.
type Batch struct {
	udr.Pin
	Epoch     int64
	Input     int64 // offset in the usage topic; meaningless in an epoch mark
	Mark      bool  // an epoch mark: it identifies the owner, and contains nothing else
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
	Late    int // number of the root's billing cycles between the cycle of its use and the cycle in which its file was read; 0: in time
}

// AppendMark appends an epoch mark.
func AppendMark(dst []byte, epoch int64) []byte {
	return wire.AppendVarint(dst, epochField, uint64(epoch))
}

// AppendHeader appends the header of a batch.
func AppendHeader(dst []byte, epoch, input int64, b *udr.Batch, last uint64) []byte {
	return appendHeader(dst, &Batch{Pin: b.Pin, Epoch: epoch, Input: input, File: b.File, Last: last, End: b.End})
}

func (b *Batch) appendInput(dst []byte) []byte {
	if b.Mark {
		return dst
	}
	return wire.AppendVarint(dst, inputField, uint64(b.Input)+1)
}

func (b *Batch) parseInput(v uint64) error {
	b.Input, b.Mark = int64(v)-1, v == 0
	return nil
}

func (b *Batch) parseEnd(data []byte) (err error) {
	b.End, err = udr.ParseFileEnd(data)
	return err
}

// outcome is a rated record before it is encoded as a RatedRecord.
type outcome struct {
	usage   []byte // message udr.Usage
	charges []rating.Charge
	events  []rating.Event
	late    int
}

// AppendRated appends a rated record: the original message Usage, and the results of rating.
func AppendRated(dst, usage []byte, late int, charges []rating.Charge, events []rating.Event) []byte {
	return appendRated(dst, &outcome{usage, charges, events, late})
}

// ParseHeader reads the epoch and input position of a message of the rated log: all that a fold needs to decide whether
// it counts.
func ParseHeader(data []byte) (epoch, input int64, mark bool, err error) {
	mark = true
	for len(data) > 0 {
		n, typ, size := protowire.ConsumeTag(data)
		if size < 0 || typ != protowire.VarintType || n > inputField {
			break
		}
		v, more := protowire.ConsumeVarint(data[size:])
		if more < 0 {
			return 0, 0, false, fmt.Errorf("rated log: damaged header: %w", protowire.ParseError(more))
		}
		data = data[size+more:]
		if n == epochField {
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
	*b = Batch{Mark: true, Rated: b.Rated[:0], Suspended: b.Suspended[:0], Duplicate: b.Duplicate[:0], Deltas: b.Deltas[:0],
		Sessions: b.Sessions[:0]}
	return b.parse(data)
}

func (b *Batch) parseRated(data []byte) error { return b.addRated().parse(data) }

// letGo clears b's references into the message. Truncated slices would keep old references: record 900 would refer to
// the last message with 900 records, and its third charge to yet another message. Each of these messages would stay
// in memory as a whole.
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

// addRated appends a record and reuses the memory of the previous record at that place.
func (b *Batch) addRated() *RatedRecord {
	if len(b.Rated) < cap(b.Rated) {
		b.Rated = b.Rated[:len(b.Rated)+1]
	} else {
		b.Rated = append(b.Rated, RatedRecord{})
	}
	return &b.Rated[len(b.Rated)-1]
}
