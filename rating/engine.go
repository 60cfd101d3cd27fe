package rating

import (
	"ratemill/registry"
	"ratemill/udr"
)

// Engine prices usage by one catalogue. It is not safe for concurrent use; engines of one catalogue share it.
type Engine struct {
	catalogue *Catalogue
}

// NewEngine makes an engine.
func NewEngine(c *Catalogue) *Engine { return &Engine{catalogue: c} }

// Catalogue is what the engine prices by.
func (e *Engine) Catalogue() *Catalogue { return e.catalogue }

// Rate prices one usage record for all tiers. It changes counters and appends charges, deltas and events to res, whose
// batch Begin began. When it gives a *udr.SuspendError, nothing was changed.
func (e *Engine) Rate(v *registry.View, rev registry.Revision, c *Counters, u *udr.Usage, res *Result) error {
	return &udr.SuspendError{Code: "no_plan", Reason: "the catalogue has no plans"}
}
