package main

import (
	"cmp"
	"fmt"
	"math"
	"path"
	"slices"
	"strings"

	"ratemill/internal/offline"
	"ratemill/internal/ratedlog"
	"ratemill/printable"
	"ratemill/udr"
)

// reasons collects why the records of offline files are suspended: one entry for each source, code and rule.
type reasons struct {
	all       map[reasonKey]*reason
	files     int // number of files so far; files are read one after another
	last      *offline.File
	suspended udr.Suspended
}

type reasonKey struct{ source, code, rule string }

type reason struct {
	records     int
	file, first int // number of the first record's file, and the record's line
	name        string
	why         udr.SuspendError
}

func (r *reasons) add(file *offline.File, b *ratedlog.Batch) error {
	if file != r.last {
		r.files, r.last = r.files+1, file
	}
	for _, m := range b.Suspended {
		if err := udr.ParseSuspended(m, &r.suspended); err != nil {
			return err
		}
		why, line := r.suspended.Why, int(r.suspended.Line)
		key := reasonKey{file.Source.Name, why.Code, why.Rule}
		known := r.all[key]
		if known == nil {
			if r.all == nil {
				r.all = map[reasonKey]*reason{}
			}
			key = reasonKey{key.source, strings.Clone(key.code), strings.Clone(key.rule)}
			known = &reason{file: r.files, first: math.MaxInt}
			r.all[key] = known
		}
		known.records++
		if r.files == known.file && line < known.first {
			known.first, known.name = line, path.Base(file.Path)
			known.why = udr.SuspendError{Code: key.code, Rule: key.rule, Position: strings.Clone(why.Position), Reason: strings.Clone(why.Reason)}
		}
	}
	return nil
}

const mostReasons = 10

// print writes the number of suspended records to standard error, in total and for each reason with its first record.
// printed means that the records themselves are on standard output.
func (r *reasons) print(printed bool) {
	list := make([]*reason, 0, len(r.all))
	records, code := 0, 0
	for _, x := range r.all {
		list = append(list, x)
		records += x.records
		code = max(code, len(x.why.Code))
	}
	if records == 0 {
		return
	}
	slices.SortFunc(list, func(a, b *reason) int {
		return cmp.Or(-cmp.Compare(a.records, b.records), cmp.Compare(a.file, b.file), cmp.Compare(a.first, b.first))
	})
	switch {
	case printed:
		fmt.Fprintf(stderr, "%s suspended:\n", counted(records, "record"))
	case records == 1:
		fmt.Fprintln(stderr, "1 record suspended; `ratemill rate --all` prints it:")
	default:
		fmt.Fprintf(stderr, "%d records suspended; `ratemill rate --all` prints them:\n", records)
	}
	width := len(fmt.Sprint(list[0].records))
	for i, x := range list {
		if i == mostReasons {
			fmt.Fprintf(stderr, "%*s  and %s\n", width+2, "", counted(len(list)-i, "more reason"))
			break
		}
		at := ""
		if x.why.Position != "" {
			at = " (" + x.why.Position + ")"
		}
		line := fmt.Sprintf("line %d: ", x.first)
		why := line + strings.TrimPrefix(printable.Line(x.why.Reason), line) // the decoder's message already contains the line
		fmt.Fprintf(stderr, "  %*d %-*s  %s %s%s\n", width, x.records, code, x.why.Code, printable.Line(x.name), why, at)
	}
}
