package ratedlog

import "ratemill/internal/safeguard"

// Fold decides which messages of the rated log count. Readers that fold a log from its beginning, or from where another
// fold stopped, all make the same decisions.
type Fold struct {
	Epoch int64 // the newest epoch seen
	Input int64 // the newest input offset that counted, -1 before the first
}

// NewFold returns the fold of an empty log.
func NewFold() Fold { return Fold{Input: -1} }

// Take reports whether a message counts, and remembers it. An epoch mark never counts as a message.
func (f *Fold) Take(epoch, input int64, mark bool) bool {
	if epoch < f.Epoch && safeguard.On(safeguard.Epochs) {
		return false // its owner was replaced before this was appended
	}
	f.Epoch = max(f.Epoch, epoch)
	if mark {
		return false
	}
	if input <= f.Input && safeguard.On(safeguard.Positions) {
		return false // appended again after a lost answer, or late
	}
	f.Input = input
	return true
}
