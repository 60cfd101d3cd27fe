package ratedlog

import (
	"encoding/binary"
	"errors"
)

// Append appends the state of a fold for storing beside a position: version 1, epoch, input + 1.
func (f Fold) Append(dst []byte) []byte {
	dst = append(dst, 1)
	dst = binary.AppendUvarint(dst, uint64(f.Epoch))
	return binary.AppendUvarint(dst, uint64(f.Input+1))
}

// ParseFold parses the state of a fold stored beside a position.
func ParseFold(b []byte) (Fold, error) {
	if len(b) == 0 {
		return NewFold(), nil
	}
	epoch, n := binary.Uvarint(b[1:])
	if b[0] != 1 || n <= 0 {
		return Fold{}, errors.New("the position in the control store was written by another version of ratemill; start the newest one")
	}
	input, m := binary.Uvarint(b[1+n:])
	if m <= 0 {
		return Fold{}, errors.New("the position in the control store is damaged; restore the control store from its backup")
	}
	return Fold{Epoch: int64(epoch), Input: int64(input) - 1}, nil
}
