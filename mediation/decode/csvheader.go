package decode

import (
	"fmt"
	"slices"
	"strings"

	"ratemill/diag"
)

// shownColumns is the number of names that an error shows from a long header.
const shownColumns = 12

// headerLacks returns the error for a column that the rules read and the header lacks. known are the names under which
// the rules can read the header's columns. If the header contains none of the paths, it may be a record, so the error
// shows nothing of it: the ledger, logs and metrics must not contain personal data.
func (d *csvDecoder) headerLacks(path string, paths []string, known map[string]int) error {
	e := &FileError{
		Fault: Header, Line: max(d.w.line-1, 1), Offset: d.w.offset,
		Reason: fmt.Sprintf("the header has no column %q, which the rules read", path),
	}
	other := d.otherDelimiter()
	switch {
	case other != "":
		e.Reason += fmt.Sprintf("; it is a single column by the delimiter %s", delimiterName(d.options.delimiter()))
		e.Hint = fmt.Sprintf("if the file separates columns by %s, set csv.delimiter", delimiterName(other))
	case !slices.ContainsFunc(paths, func(p string) bool { _, ok := known[p]; return ok }):
		e.Reason += ", nor any other that they read"
		e.Hint = "if this file has no header row, ask the carrier for one, or write csv.columns instead of csv.header"
		if s := diag.Closest(path, d.names); s != "" {
			e.Hint = fmt.Sprintf("did you mean %s?", s)
		}
	default:
		names := d.names[:min(len(d.names), shownColumns)]
		e.Reason += "; it has " + strings.Join(names, ", ")
		if more := len(d.names) - len(names); more > 0 {
			e.Reason += fmt.Sprintf(" and %d more", more)
		}
		e.Hint = "correct the name in the rules or list the column under csv.rename; if only some files have it, list it under csv.optional"
		if s := diag.Closest(path, d.names); s != "" {
			e.Hint = fmt.Sprintf("did you mean %s? If only some files have %s, list it under csv.optional", s, path)
		}
	}
	return e
}

// otherDelimiter returns the delimiter that a header with a single column seems to use, or "".
func (d *csvDecoder) otherDelimiter() string {
	if len(d.names) != 1 {
		return ""
	}
	for _, other := range []string{";", ",", "\t", "|"} {
		if other != d.options.delimiter() && strings.Count(d.names[0], other) > 0 {
			return other
		}
	}
	return ""
}

func delimiterName(delimiter string) string {
	if delimiter == "\t" {
		return "tab"
	}
	return `"` + delimiter + `"`
}
