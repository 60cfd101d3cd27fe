package warehouse

import (
	"encoding/binary"
	"errors"

	"ratemill/internal/ledger"
)

// The state of a fold beside a position: version 1, epoch, input + 1.
func appendFold(dst []byte, f ledger.Fold) []byte {
	dst = append(dst, 1)
	dst = binary.AppendUvarint(dst, uint64(f.Epoch))
	return binary.AppendUvarint(dst, uint64(f.Input+1))
}

func parseFold(b []byte) (ledger.Fold, error) {
	if len(b) == 0 {
		return ledger.NewFold(), nil
	}
	epoch, n := binary.Uvarint(b[1:])
	if b[0] != 1 || n <= 0 {
		return ledger.Fold{}, errors.New("the position in the control store was written by another version of ratemill; start the newest one")
	}
	input, m := binary.Uvarint(b[1+n:])
	if m <= 0 {
		return ledger.Fold{}, errors.New("the position in the control store is damaged; restore the control store from its backup")
	}
	return ledger.Fold{Epoch: int64(epoch), Input: int64(input) - 1}, nil
}
