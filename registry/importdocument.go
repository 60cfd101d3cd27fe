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

// finishDocuments reports the documents that rows name and that do not exist.
func (im *importer) finishDocuments() {
	d := &im.documents
	if len(d.rows) == 0 {
		return
	}
	doubts, err := d.ask(d.rows)
	if err != nil {
		im.errorf(d.at[0], "the documents that rows name cannot be looked up: %v", err)
		return
	}
	for _, doubt := range doubts {
		if at := d.at[doubt.Row]; doubt.Refused {
			im.errorf(at, "%s", doubt.Why)
		} else {
			im.warnf(at, "%s", doubt.Why)
		}
	}
}
