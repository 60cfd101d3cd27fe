package roles

import (
	"context"
	"time"

	"ratemill/internal/metric"
	"ratemill/mediation"
)

var mediationMetrics = metric.Of("Mediation", "The `source_…` metrics that come from the ledger (waiting, oldest, newest, missing) are "+
	"the same in every process with this role; take the maximum, not the sum.")

var (
	mediationFiles  = mediationMetrics.Counter("mediation_files_total", "Files read to their end.", "source")
	mediationFailed = mediationMetrics.Counter("mediation_failed_files_total",
		"Files that could not be fetched or read to their end; each attempt counts.", "source")
	mediationDuplicate = mediationMetrics.Counter("mediation_duplicate_files_total",
		"Files that were not read because their content had come before.", "source")
	mediationChanged = mediationMetrics.Counter("mediation_changed_files_total",
		"Files that start like the content that was read under their name before, but do not contain all of it.", "source")
	mediationRecords = mediationMetrics.Counter("mediation_records_total",
		"Raw records by outcome: filtered, suspended (by the rules), unrouted (suspended because their SIM is unknown), mapped.",
		"source", "outcome")
	mediationNoted = mediationMetrics.Counter("mediation_noted_records_total",
		"Raw records for which the rules resolved an ambiguity in the data, by the note in the attribute notes of their "+
			"usage records: fallback:FIELD, time_twice, time_missing, spans_lines.", "source", "note")
	mediationBytes = mediationMetrics.Counter("mediation_bytes_total", "Bytes of raw records read.", "source")
	mediationFetch = mediationMetrics.Durations(&mediation.FetchBounds, "mediation_fetch_seconds",
		"Time that files took to be fetched from their server; failed fetches are not included.", "source")
	mediationBehind = mediationMetrics.Gauge("mediation_backlog_batches",
		"Batches waiting for rating or for the warehouse, as seen by mediation; 0 for a partition that stopped and needs a "+
			"decision.", "stage", "partition")
	mediationOld = mediationMetrics.Gauge("mediation_expiring_batches",
		"Batches that still wait for rating or for the warehouse after half of "+
			"the time for which Kafka keeps them, as seen by mediation; those of a stopped partition count too.", "stage", "partition")
	mediationHeld = mediationMetrics.Gauge("mediation_held",
		"1 while mediation reads no files because a partition is mediation.backlog batches behind.")
	spoolFailing = mediationMetrics.Gauge("mediation_spool_failing",
		"1 while files cannot be fetched because the spool's disk is full or fails.")
	sourceListed   = mediationMetrics.Gauge("source_listed_timestamp_seconds", "When the source was last listed.", "source")
	sourceFailures = mediationMetrics.Gauge("source_listing_failures", "Failed listings since the last successful one.", "source")
	sourceAway     = mediationMetrics.Gauge("source_away",
		"1 while files of the source cannot be fetched because its server is unreachable or rejects the login.", "source")
	sourceGrowing  = mediationMetrics.Gauge("source_growing_files", "Files in the last listing that were not complete yet.", "source")
	sourceArriving = mediationMetrics.Gauge("source_arriving_seconds",
		"Time for which the oldest incomplete file has kept its size and modification time; 0 if there is none.", "source")
	sourceRefused = mediationMetrics.Gauge("source_refused_files",
		"Files and directories in the last listing that cannot be read; `ratemill files --state refused` shows why.", "source")
	sourceUnknown = mediationMetrics.Gauge("source_unknown_files",
		"Waiting or begun files of a source that this project does not have; absent when "+
			"there are none.", "source")
	sourceWaiting = mediationMetrics.Gauge("source_waiting_files", "Files of the source that wait or are being read.", "source")
	sourceHeld    = mediationMetrics.Gauge("source_held_files",
		"Of source_waiting_files, the files that wait because they look unfinished, or because content read before has changed.", "source")
	sourceOldest = mediationMetrics.Gauge("source_oldest_unprocessed_seconds",
		"Age of the oldest file that has not been read to its end.", "source")
	sourceNewest = mediationMetrics.Gauge("source_newest_file_timestamp_seconds", "When the newest file of the source was first seen; absent "+
		"before the first.", "source")
	sourceFollowed = mediationMetrics.Gauge("source_followed_timestamp_seconds",
		"When ratemill began to follow a source that has never had a file; "+
			"absent once it has had one.", "source")
	sourceMissing = mediationMetrics.Gauge("source_missing_files",
		"Numbers that are missing between those of the last 1,000 files, for sources "+
			"with sequence and gap: alarm.", "source")
	sourceUnnumbered = mediationMetrics.Gauge("source_unnumbered_files",
		"Files among the last 1,000 whose names contain no number, for sources with sequence and gap: alarm.", "source")
)

func (r *mediationRole) metrics(ctx context.Context, s metric.Scrape) {
	away := r.progress.Away.All(time.Now())
	_, failing := away[mediation.Spooling]
	s.Put(spoolFailing, metric.Yes(failing))
	r.backlog.each(func(stage, partition string, batches int64) {
		s.Put(mediationBehind, float64(batches), stage, partition)
	})
	r.backlog.eachOld(func(stage, partition string, batches int64) { s.Put(mediationOld, float64(batches), stage, partition) })
	s.Put(mediationHeld, metric.Yes(r.backlog.held() != ""))
	waiting, err := r.n.Store.Waiting(ctx)
	for name, w := range waiting {
		if r.status[name] == nil {
			s.Put(sourceUnknown, float64(w.Files), name)
		}
	}
	for name, status := range r.status {
		p := r.progress.Of(name)
		s.Put(mediationFiles, float64(p.Files.Load()), name)
		s.Put(mediationFailed, float64(p.Failed.Load()), name)
		s.Put(mediationDuplicate, float64(p.DuplicateFiles.Load()), name)
		s.Put(mediationChanged, float64(p.ChangedFiles.Load()), name)
		s.Put(mediationRecords, float64(p.Filtered.Load()), name, "filtered")
		s.Put(mediationRecords, float64(p.Suspended.Load()), name, "suspended")
		s.Put(mediationRecords, float64(p.Unrouted.Load()), name, "unrouted")
		s.Put(mediationRecords, float64(p.Mapped.Load()), name, "mapped")
		p.Notes(func(word string, records int64) { s.Put(mediationNoted, float64(records), name, word) })
		s.Put(mediationBytes, float64(p.Bytes.Load()), name)
		s.Spread(mediationFetch, &p.Fetches, name)
		s.Put(sourceListed, float64(status.Listed.Load()), name)
		s.Put(sourceFailures, float64(status.Failures.Load()), name)
		_, gone := away[name]
		s.Put(sourceAway, metric.Yes(gone), name)
		s.Put(sourceGrowing, float64(status.Growing.Load()), name)
		s.Put(sourceArriving, float64(status.Arriving.Load()), name)
		s.Put(sourceRefused, float64(status.Refused.Load()), name)
		switch a, ok := r.arrivals.of(name); {
		case !ok:
		case a.newest.IsZero():
			s.Put(sourceFollowed, float64(a.followed.UnixNano())/1e9, name)
		default:
			s.Put(sourceNewest, float64(a.newest.UnixNano())/1e9, name)
			s.Put(sourceMissing, float64(len(a.missing)), name)
			s.Put(sourceUnnumbered, float64(len(a.unnamed)), name)
		}
		if err != nil {
			continue
		}
		w, age := waiting[name], 0.0
		if !w.Oldest.IsZero() {
			age = r.n.LedgerTime.Now().Sub(w.Oldest).Seconds()
		}
		s.Put(sourceWaiting, float64(w.Files), name)
		s.Put(sourceHeld, float64(w.Held), name)
		s.Put(sourceOldest, age, name)
	}
}
