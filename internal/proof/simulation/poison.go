package simulation

import (
	"context"
	"math"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"ratemill/internal/broker"
	"ratemill/internal/control"
	"ratemill/internal/ratedlog"
)

// poison is a message that a program other than ratemill writes into a topic.
const poison = "\xffhello, topic"

func isPoison(m *broker.Message) bool { return string(m.Value) == poison }

// poisons writes poison into the usage topic or the rated log of a partition.
func (w *world) poisons(p int) {
	l := w.usage[p]
	if w.faults[Poison].IntN(2) == 0 {
		l = w.rated[p]
	}
	w.notef("broker", "HAS POISON in %s of partition %d at %d", l.name, p, l.end)
	l.add([]broker.Message{{Value: []byte(poison)}})
}

// forgedEpoch is later than any epoch that an owner can get.
const forgedEpoch = 1 << 40

func isForged(epoch int64) bool { return epoch >= forgedEpoch }

// forges writes a message with a huge epoch into the rated log: a mark, or the outcome of a later input.
func (w *world) forges(p int) {
	l, r := w.rated[p], w.faults[Forged]
	message := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), forgedEpoch+r.Uint64N(1000))
	if r.IntN(2) == 0 {
		message = protowire.AppendVarint(protowire.AppendTag(message, 2, protowire.VarintType), 1+r.Uint64N(1000))
	}
	w.notef("broker", "HAS A FORGED EPOCH in the rated log of partition %d at %d", p, l.end)
	l.add([]broker.Message{{Value: message}})
}

// origin returns which epochs the control store has given out.
func (w *world) origin(p int) ratedlog.AskOrigin {
	return func(ctx context.Context, epoch int64, _ *control.Stop) (origin control.EpochOrigin, err error) {
		err = w.store.transaction(ctx, "looking up the origin of an epoch", func() error {
			switch given := w.store.epochs[p]; {
			case epoch > given+control.FarAhead:
				origin = control.EpochForeign
			case epoch > given:
				origin = control.EpochAhead
			}
			return nil
		})
		return origin, err
	}
}

// ordered reports whether a partition stopped at poison. An operator then looks into it, now or when the partition
// stops there again.
func (w *world) ordered(reader kind, err *ratedlog.StoppedError) bool {
	if string(err.Message) != poison || err.Kind != control.StopMessage {
		return false
	}
	stop := control.Stop{Topic: err.Topic, Partition: err.Partition, Offset: err.Offset, Kind: err.Kind, Hash: err.Hash(),
		Role: reader.String()}
	if !slices.ContainsFunc(w.halts, func(s control.Stop) bool {
		return s.Topic == stop.Topic && s.Partition == stop.Partition && s.Offset == stop.Offset && s.Role == stop.Role
	}) {
		w.halts = append(w.halts, stop)
	}
	if w.rng.IntN(2) == 0 {
		w.met[Poison]++
		w.orders = append(w.orders, control.Stop{Topic: err.Topic, Partition: err.Partition, Offset: err.Offset, Kind: err.Kind, Hash: err.Hash(),
			Who: "operator", Why: "hello"})
	}
	return true
}

// goOn closes the stops that actors have passed. A sink has passed a stop when its position has, unless the store has
// lost the position since then.
func (w *world) goOn() {
	if len(w.halts) == 0 {
		return
	}
	for _, a := range w.actors {
		if a.next == nil || a.ended {
			continue
		}
		here := w.here[:0]
		for i := range w.halts {
			if w.halts[i].Partition == a.partition {
				here = append(here, w.halts[i])
			}
		}
		w.here = here
		for _, passed := range control.PassedStops(here, a.kind.String(), a.next) {
			next := int64(math.MaxInt64)
			switch passed.Role {
			case sinkKind.String():
				next = w.store.sinks[a.partition].Next
			case accountKind.String():
				next = w.store.accounts[a.partition].at.Next
			case statesKind.String():
				next = w.lives.at[a.partition].Next
			}
			if next <= passed.Offset && !w.back.done {
				w.fail("%s closed the stop of the %s of partition %d at offset %d, which is still there", a.name, passed.Role,
					a.partition, passed.Offset)
			}
			w.halts = slices.DeleteFunc(w.halts, func(s control.Stop) bool {
				return s.Topic == passed.Topic && s.Partition == passed.Partition && s.Offset == passed.Offset && s.Role == passed.Role
			})
		}
	}
}

// skips returns the skip orders for a partition, as the control store has them.
func (w *world) skips(ctx context.Context, topic string, p int) (orders []control.Stop, err error) {
	err = w.store.transaction(ctx, "asking for orders", func() error {
		for _, o := range w.orders {
			if o.Topic == topic && o.Partition == p {
				orders = append(orders, o)
			}
		}
		return nil
	})
	return orders, err
}
