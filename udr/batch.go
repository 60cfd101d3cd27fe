package udr

// Pin contains everything on which the outcome of a file depends, other than its content. It is fixed when the file
// is first read, so that reading the file again after a crash gives the same records for the same partitions.
type Pin struct {
	Source    string
	Rules     string // version of the source's rules
	Registry  uint64 // revision of the registry
	Catalogue string // version of the catalogue
	// DuplicateWithin is the number of seconds for which a record's duplicate key is remembered; 0 means that the
	// source has no duplicate key.
	DuplicateWithin uint32
	// SessionWithin is the number of seconds for which a session is remembered after its last part; 0 means
	// that the source delivers whole sessions.
	SessionWithin uint32
	// Taken is the time at which the file was taken, by the control store's clock; if it is 0, it is
	// unknown and no usage of the file is late.
	Taken Instant
	// LateUntil is the number of billing cycles after its own cycle within which usage is still
	// rated; 0 means always.
	LateUntil uint32
}

// Suspended is a record that could not be processed.
type Suspended struct {
	Seq, Line uint64
	Bytes     uint32
	Raw       []byte
	Preamble  []byte // the text before the records of its file that gives raw its meaning, such as a header
	Why       SuspendError
	Usage     []byte // the message Usage, as far as the record was mapped
	// Part is the number of this usage record among the Parts of the raw record, from 1. Both are 0 if the raw
	// record as a whole is suspended, or if rating suspends the record, because rating knows no raw records.
	Part, Parts uint32
}

// UnitTotal is the quantity of a usage class in a file.
type UnitTotal struct {
	Class    string
	Quantity int64
}

// FileEnd closes a file in a partition; only the file's home partition gets the totals, and only there Name is not
// empty.
type FileEnd struct {
	Name          string
	Records       uint64 // raw records read
	Added         uint64 // number of usage records in addition to one per raw record
	Filtered      uint64
	Mapped        uint64
	Suspended     uint64
	Bytes         uint64
	FramingBytes  uint64
	FilteredBytes uint64
	Taken         Instant
	Units         []UnitTotal
	Retried       []ID   // for a retry batch: the suspended records that it brings back
	Continues     FileID // the file that this one continues; zero for a file read from its beginning
}

// Batch is a message of the usage topic: records of one file for one partition, in the file's order.
type Batch struct {
	Pin
	File      FileID
	Follows   uint64   // the file's last sequence number in this partition before this batch
	Last      uint64   // the last sequence number in this batch
	Usage     [][]byte // messages Usage
	Suspended [][]byte // messages Suspended
	End       *FileEnd
}

// ParseFileEnd parses the output of AppendFileEnd. The result does not point into data.
func ParseFileEnd(data []byte) (*FileEnd, error) {
	e := &FileEnd{}
	return e, e.parse(data)
}

func (b *Batch) parseEnd(data []byte) (err error) {
	b.End, err = ParseFileEnd(data)
	return err
}

// ParseBatch reads a message of the usage topic into b, which then points into data. Records stay encoded, for
// readers that need them in this form.
func ParseBatch(data []byte, b *Batch) error {
	clear(b.Usage) // otherwise the rest of the slice would keep the message of a longer batch in memory
	clear(b.Suspended)
	*b = Batch{Usage: b.Usage[:0], Suspended: b.Suspended[:0]}
	return b.parse(data)
}
