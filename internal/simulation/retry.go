package simulation

import (
	"bytes"
	"cmp"
	"slices"

	"ratemill/internal/ratedlog"
	"ratemill/mediation"
	"ratemill/udr"
)

// retry is somebody who brings a few records back that the warehouse has in suspense: the control store claims them for
// a batch, and enters it into the ledger of files.
func (w *world) retry() {
	var waiting []udr.ID
	for p := range partitions {
		for id := range w.warehouse.rows[p]["suspense"] {
			if !w.claimed[id] {
				waiting = append(waiting, id)
			}
		}
	}
	if len(waiting) == 0 || len(w.files) >= 12 {
		return
	}
	slices.SortFunc(waiting, compareIDs)
	r := w.faults[Retry]
	r.Shuffle(len(waiting), func(i, j int) { waiting[i], waiting[j] = waiting[j], waiting[i] })
	f := &file{name: "retry", origins: waiting[:1+r.IntN(min(len(waiting), 6))]}
	slices.SortFunc(f.origins, compareIDs)
	for _, id := range f.origins {
		w.claimed[id] = true
		l := *w.lines[id]
		l.mapped = len(w.suspended(id).Raw) == 0
		f.lines = append(f.lines, l)
	}
	w.met[Retry]++
	w.files = append(w.files, f)
	w.notef("operator", "RETRIES %d records in file %d", len(f.origins), len(w.files))
}

func compareIDs(a, b udr.ID) int {
	return cmp.Or(bytes.Compare(a.File[:], b.File[:]), cmp.Compare(a.Seq, b.Seq))
}

// retryContent is the content of a retry batch. What its records are stands in rows that never change: here it is taken
// from the log that they were made of.
func (w *world) retryContent(f *file, number int64) mediation.Content {
	records := make([]mediation.RetryRecord, len(f.origins))
	for i, id := range f.origins {
		records[i] = mediation.RetryRecord{Origin: id, Suspended: w.suspended(id), File: f.lines[i].file}
	}
	content := mediation.RetryContent("carrier", f.name, number, records)
	f.id, f.text = content.ID, string(content.Hash)
	w.identifyLines(f)
	return content
}

// suspended is a suspended record as the log has it.
func (w *world) suspended(id udr.ID) udr.Suspended {
	for p := range partitions {
		for i := range w.judged[p].counts {
			var b ratedlog.Batch
			if ratedlog.ParseBatch(w.judged[p].counts[i].Value, &b) != nil || b.File != id.File {
				continue
			}
			for _, m := range b.Suspended {
				var s udr.Suspended
				if udr.ParseSuspended(m, &s) == nil && s.Seq == id.Seq {
					return s
				}
			}
		}
	}
	panic("the warehouse has a suspended record that is not in the log")
}

// bytes is what the balance of a file counts.
func (f *file) bytes() (n int) {
	if f.origins == nil {
		return len(f.text)
	}
	for _, l := range f.lines {
		n += len(l.text)
	}
	return n
}

// broughtBack are the records that leave suspense with an outcome: those of a retry batch, with its end.
func (w *world) broughtBack(p int, o *outcome) []udr.ID {
	if !o.end || w.expect[p].ends[o.file] == nil {
		return nil
	}
	for _, f := range w.files {
		if f.id == o.file {
			return f.origins
		}
	}
	return nil
}
