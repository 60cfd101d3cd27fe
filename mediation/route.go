package mediation

import (
	"ratemill/registry"
	"ratemill/udr"
)

// Route completes a usage record with who owns its SIM and finds the partition where it goes, or why it goes nowhere:
// what mediation does after the rules, for those who only want to know.
func Route(view *registry.View, revision registry.Revision, u *udr.Usage) (partition int, why *udr.SuspendError) {
	return owner(view, revision, u)
}
