package registry

import (
	"ratemill/diag"
)

// namedDocument is the kind of fields that name invoices and credit notes. They are not in the registry, so
// ImportOptions.Documents looks them up, for all rows at once.
const namedDocument = "document"

// DocumentRow is a row that names documents.
type DocumentRow struct {
	Kind    Kind
	Subject string
	Value   []byte // canonical JSON
}

// DocumentDoubt tells what is wrong with a document that a row names.
type DocumentDoubt struct {
	Row     int    // index of the row
	Refused bool   // the row is an error; otherwise this is a warning
	Why     string // what is wrong, what happens, and what to do
}

// documented keeps the rows that name documents until everything has been read.
type documented struct {
	ask  func([]DocumentRow) ([]DocumentDoubt, error) // nil: nobody knows the documents
	rows []DocumentRow
	at   []diag.Pos // of their fields
}

func (d *documented) add(row DocumentRow, at diag.Pos) {
	if d.ask != nil {
		d.rows, d.at = append(d.rows, row), append(d.at, at)
	}
}

// finishDocuments reports the documents that rows name and that do not exist. It counts errors itself, because a list
// that is full of warnings must still get one.
func (im *importer) finishDocuments() {
	d := &im.documents
	if len(d.rows) == 0 {
		return
	}
	doubts, err := d.ask(d.rows)
	if err != nil {
		im.list.Errorf(d.at[0], "the documents that rows name cannot be looked up: %v", err)
		return
	}
	told := map[bool]int{}
	for _, doubt := range doubts {
		report := im.list.Warnf
		if doubt.Refused {
			report = im.list.Errorf
		}
		at := d.at[doubt.Row]
		if told[doubt.Refused]++; told[doubt.Refused] <= im.most {
			report(at, "%s", doubt.Why)
		}
	}
	file := diag.Pos{File: d.at[0].File}
	if more := told[true] - im.most; more > 0 {
		im.list.Errorf(file, "%d more rows name documents that do not exist; correct these first", more)
	}
	if more := told[false] - im.most; more > 0 {
		im.list.Warnf(file, "%d more rows name documents in the same way", more)
	}
}
