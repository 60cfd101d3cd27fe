package simulation

import (
	"context"

	"ratemill/internal/broker"
	"ratemill/internal/control"
	"ratemill/internal/ledger"
)

// poison is what somebody writes into a topic who is not ratemill.
const poison = "\xffhello, topic"

func isPoison(m *broker.Message) bool { return string(m.Value) == poison }

// poisons writes it into the usage topic or the rated log of a partition.
func (w *world) poisons(p int) {
	l := w.usage[p]
	if w.faults[Poison].IntN(2) == 0 {
		l = w.rated[p]
	}
	w.notef("broker", "HAS POISON in %s of partition %d at %d", l.name, p, l.end)
	l.add([]broker.Message{{Value: []byte(poison)}})
}

// ordered says that a partition stopped at poison, which somebody looks at, now or when it stops there again.
func (w *world) ordered(err *ledger.StoppedError) bool {
	if string(err.Message) != poison || err.Kind != control.StopMessage {
		return false
	}
	if w.rng.IntN(2) == 0 {
		w.met[Poison]++
		w.orders = append(w.orders, control.Stop{Topic: err.Topic, Partition: err.Partition, Offset: err.Offset, Kind: err.Kind, Hash: err.Hash(), Who: "operator", Why: "hello"})
	}
	return true
}

// skips are the orders about a partition, as the control store has them.
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
