package control

import (
	"errors"
	"fmt"

	"ratemill/internal/store"
	"ratemill/udr"
)

// ErrConflict means that the row has changed since the caller read it; read the row again.
var ErrConflict = store.ErrConflict

// ErrNotFound means that the requested object does not exist.
var ErrNotFound = store.ErrNotFound

// LeaseLostError reports that a file has another owner now. A mediator that gets it stops working on the file at
// once.
type LeaseLostError struct {
	File  int64
	Owner string
}

func (e *LeaseLostError) Error() string {
	return fmt.Sprintf("file %d is no longer leased to %s: another mediator took it over, or an operator changed it", e.File, e.Owner)
}

// OtherContentError reports that a file's content has changed since it was pinned. Records of the pinned content
// may have been sent, so reading does not continue: the different content is another file.
type OtherContentError struct {
	File     int64
	Was, Now udr.FileID
}

func (e *OtherContentError) Error() string {
	return fmt.Sprintf("the content of file %d has changed since reading began: it was %s and is now %s", e.File, e.Was.Short(), e.Now.Short())
}

// EndedError reports that an interrupted file is not taken again. Its end was sent, with everything before it.
// Raters that remember the file would drop the rest, and a rater that has forgotten it would stop.
type EndedError struct{ Number int64 }

func (e *EndedError) Error() string {
	return fmt.Sprintf("file %d was read as far as possible and closed: the records before that point count, and the rest waits in suspense "+
		"as one record with the code file. Ask the carrier for the whole file under another name; with a duplicate key in the rules, the "+
		"records already rated are not rated again", e.Number)
}

// ours reports whether an error is one of this package's kinds, which callers handle.
func ours(err error) bool {
	var lost *LeaseLostError
	var other *OtherContentError
	var setBack *SetBackError
	return errors.As(err, &lost) || errors.As(err, &other) || errors.As(err, &setBack)
}
