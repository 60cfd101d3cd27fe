package mediation

import (
	"context"
	"slices"

	"ratemill/internal/broker"
	"ratemill/udr"
)

// outgoing collects the records of a chunk by partition and sends them.
type outgoing struct {
	t     *taken
	id    udr.FileID
	parts []part
	bytes int

	inFlight []flight
}

// part is the outgoing data for one partition.
type part struct {
	messages []broker.Message
	batch    []byte // records of the current batch
	records  int
	follows  uint64 // last sequence number before this batch
	last     uint64 // last sequence number in it
}

// flight sends to one partition, one append after the other, so that their order is kept.
type flight struct {
	partition int
	rest      []broker.Message // messages of the appends to come
	append    broker.Append
}

// batchBytes and batchRecords limit a batch so that the rated batch, which is several times as large, always
// fits into a message.
const (
	batchBytes   = 192 << 10
	batchRecords = 1000
	maxSpare     = 64

	// An append is one Kafka batch, and a topic accepts 8 MiB.
	appendBytes = 2 << 20
	// The usage of one raw record must fit into a few messages: see decode.Limits too.
	recordBytes = 2 << 20   // size of all usage records of one raw record together
	rawBytes    = 256 << 10 // size of the copies of the raw record after the first; each suspended part has one
)

func newOutgoing(t *taken, id udr.FileID, last []uint64) *outgoing {
	o := &outgoing{t: t, id: id, parts: make([]part, t.pins.Partitions)}
	for i := range o.parts {
		if i < len(last) {
			o.parts[i].follows, o.parts[i].last = last[i], last[i]
		}
	}
	return o
}

func (o *outgoing) usage(partition int, u *udr.Usage) {
	p := o.room(partition)
	before := len(p.batch)
	p.batch = udr.AppendBatchUsage(p.batch, u)
	o.added(p, u.Seq, before)
}

func (o *outgoing) suspended(partition int, s *udr.Suspended) {
	p := o.room(partition)
	before := len(p.batch)
	p.batch = udr.AppendBatchSuspended(p.batch, s)
	o.added(p, s.Seq, before)
}

func (o *outgoing) room(partition int) *part {
	p := &o.parts[partition]
	if len(p.batch) >= batchBytes || p.records >= batchRecords {
		o.seal(p, nil)
	}
	if p.batch == nil {
		p.batch = o.t.m.memory()
	}
	return p
}

// memory returns a buffer for a batch: that of a sent batch, if there is one.
func (m *Mediator) memory() []byte {
	n := len(m.spare) - 1
	if n < 0 {
		return make([]byte, 0, 16<<10)
	}
	memory := m.spare[n]
	m.spare = m.spare[:n]
	return memory
}

// reuse keeps the buffers of sent messages, for two chunks of batches of the usual size.
func (m *Mediator) reuse(messages []broker.Message) {
	for _, message := range messages {
		if cap(message.Value) <= 2*batchBytes && len(m.spare) < maxSpare {
			m.spare = append(m.spare, message.Value[:0])
		}
	}
}

func (o *outgoing) added(p *part, seq uint64, before int) {
	p.last = seq
	p.records++
	o.bytes += len(p.batch) - before
}

// seal creates a message from a partition's current batch.
func (o *outgoing) seal(p *part, end *udr.FileEnd) {
	if p.records == 0 && end == nil {
		return
	}
	value := udr.AppendBatchHeader(p.batch, &udr.Batch{Pin: o.t.batchPin(), File: o.id, Follows: p.follows, Last: p.last, End: end})
	p.messages = append(p.messages, broker.Message{Value: value})
	p.batch, p.records, p.follows = nil, 0, p.last
}

// ends closes the file in every partition; its home partition receives the totals.
func (o *outgoing) ends(home int, totals *udr.FileEnd) {
	for i := range o.parts {
		end := &udr.FileEnd{}
		if i == home {
			end = totals
		}
		o.seal(&o.parts[i], end)
	}
}

// send starts to append everything that was collected. The previous appends must have been acknowledged.
func (o *outgoing) send(ctx context.Context) {
	for i := range o.parts {
		p := &o.parts[i]
		o.seal(p, nil)
		if len(p.messages) == 0 {
			continue
		}
		f := flight{partition: i, rest: p.messages}
		f.next(ctx, o.t.m)
		o.inFlight = append(o.inFlight, f)
		p.messages = nil
	}
	o.bytes = 0
}

// next starts the next append, with as many messages as an append may have, but at least one.
func (f *flight) next(ctx context.Context, m *Mediator) {
	n, size := 1, len(f.rest[0].Value)
	for n < len(f.rest) && size+len(f.rest[n].Value) <= appendBytes {
		size += len(f.rest[n].Value)
		n++
	}
	f.append = broker.Begin(ctx, m.Broker, m.Topics.Usage, f.partition, f.rest[:n:n])
	f.rest = f.rest[n:]
}

// acknowledged waits until everything that was sent is in the topic.
func (o *outgoing) acknowledged(ctx context.Context) error {
	for i := range o.inFlight {
		f := &o.inFlight[i]
		for {
			err := o.t.until(ctx, "send usage", func() error {
				_, err := f.append.Wait(ctx) // the owner of the partition drops repeated batches
				return err
			})
			if err != nil {
				return err
			}
			if !f.append.Again() {
				o.t.m.reuse(f.append.Messages)
			}
			if len(f.rest) == 0 {
				break
			}
			f.next(ctx, o.t.m)
		}
	}
	clear(o.inFlight)
	o.inFlight = o.inFlight[:0]
	return nil
}

// lasts returns the last sequence numbers by partition.
func (o *outgoing) lasts() []uint64 {
	lasts := make([]uint64, len(o.parts))
	for i := range o.parts {
		lasts[i] = o.parts[i].last
	}
	return slices.Clip(lasts)
}
