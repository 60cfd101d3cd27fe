package product

import (
	"ratemill/registry"
	"ratemill/udr"
)

// An off-cycle close can bill one-time charges before their cycle closes: one-off charges, transitions and activations.

// oneOffCharges computes one-off charges. Charges of the running cycle may be due before it closes.
func (r *run) oneOffCharges(accounts []uint32) error {
	since := never
	r.oneOffIDs = r.oneOffsFor(accounts)
	for _, id := range r.oneOffIDs {
		since = min(since, r.stated(registry.KindOneOff, id))
	}
	owes := func(_ registry.Revision, w *window, b *bill) error {
		if !w.events {
			return nil
		}
		return w.oneOffsDue(b)
	}
	defer func() { r.earlier = nil }()
	if r.Early && !r.Again {
		r.earlier = owes
	}
	if err := r.subject(since, nil, owes); err != nil || !r.Once {
		return err
	}
	next, err := r.after(r.Facts, r.closing)
	if err != nil {
		return err
	}
	if r.Early {
		r.earlier = owes
	}
	return r.closes(next, false, owes)
}

// arisen computes the items for a SIM's transitions and activations that are due before their cycle closes.
// happened returns the events that are due up to a time.
func (r *run) arisen(since udr.Instant, between []registry.Revision, owes due, happened func(until udr.Instant) due) error {
	defer func() { r.earlier = nil }()
	if r.EarlyArisen != 0 {
		r.earlier = happened(r.EarlyArisen)
	}
	if err := r.subject(since, between, owes); err != nil || r.Arisen == 0 {
		return err
	}
	next, err := r.after(r.Facts, r.closing)
	if err != nil {
		return err
	}
	return r.closes(next, false, happened(r.Arisen))
}
