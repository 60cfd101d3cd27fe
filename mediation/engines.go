package mediation

import (
	"context"
	"io"
	"time"

	"ratemill/internal/control"
	"ratemill/mediation/collect"
	"ratemill/mediation/source"
	"ratemill/registry"
	"ratemill/udr"
)

// Files is the ledger of files; *control.Store implements it.
type Files interface {
	LeaseNext(ctx context.Context, queues []control.Queue, owner string, now time.Time, ttl time.Duration) (control.Lease, bool, error)
	Renew(ctx context.Context, lease control.Lease, now time.Time, ttl time.Duration) (control.Lease, error)
	Release(ctx context.Context, lease control.Lease) error
	File(ctx context.Context, number int64) (control.File, error)
	SetIdentity(ctx context.Context, lease control.Lease, id udr.FileID, content []byte, size int64, now time.Time,
		others ...control.OtherKey) (*control.File, error)
	Beginnings(ctx context.Context, lease control.Lease, opening []byte, named bool) (found []control.Beginning, known int64, err error)
	ReadFrom(ctx context.Context, number, there int64) error
	Resumes(ctx context.Context, file *control.File) (r control.Resumption, found bool, err error)
	ReadOn(ctx context.Context, lease control.Lease, state []byte, compared time.Time) error
	ReadOnly(ctx context.Context, lease control.Lease, hash []byte, size int64) error
	Postpone(ctx context.Context, lease control.Lease, why string, pause time.Duration, now time.Time) error
	Pin(ctx context.Context, lease control.Lease, pins control.Pins, now time.Time) (control.Pins, error)
	Unfinished(ctx context.Context, source string, number int64, before registry.Revision) (file control.File, found bool, err error)
	RecordProgress(ctx context.Context, lease control.Lease, p control.Progress, now time.Time, ttl time.Duration) (control.Lease, error)
	Finish(ctx context.Context, lease control.Lease, p control.Progress, now time.Time) error
	Fail(ctx context.Context, lease control.Lease, why string, retryAt, now time.Time) error
	Gone(ctx context.Context, lease control.Lease, other bool, why string, retryAt, now time.Time) (found int64, err error)

	Sight(ctx context.Context, source string, entries []control.Sighting, now time.Time) (int, error)
	StillThere(ctx context.Context, source string, entries []control.Sighting, now time.Time) error
	StillBelow(ctx context.Context, source string, directories []string, now time.Time) error
	Listed(ctx context.Context, source string, arriving []control.Arriving, refused []control.Refusal, now time.Time) error
	MarkVanished(ctx context.Context, source string, listedSince, now time.Time) (int64, error)
	FilesAfter(ctx context.Context, source string, limit int, now time.Time) ([]control.File, error)
	MarkAfterDone(ctx context.Context, number int64, whyNot string, now time.Time) error
	Replaced(ctx context.Context, number int64, why string, now time.Time) error
	AfterFailed(ctx context.Context, number int64, why string, pause time.Duration, now time.Time) error
}

// Spool fetches a file's content to this machine.
type Spool interface {
	// Fetch returns the content from file.Place, and calls renew from time to time. For a pinned file, it returns as
	// many bytes as were listed, even if the file has grown. With known, it may omit the part that was read before;
	// the result shows whether it did. *collect.GoneError means that the file is no longer at its source,
	// *collect.ChangedError that it is not the listed one, *collect.BeginsOtherwiseError that it does not begin
	// with the known content, and *AwayError that its server does not answer. RetryContent builds the content of
	// a retry batch.
	Fetch(ctx context.Context, src *source.Source, file *control.File, prefix *collect.Prefix, renew func(context.Context) error) (Content,
		error)
}

// Content is a file in the spool.
type Content struct {
	ID   udr.FileID
	Hash []byte // hash of the content alone, as stored there
	Size int64
	From int64  // offset in the content at which the stored part begins
	Sum  []byte // state of SHA-256 at its end; nil if unknown
	More bool   // the file has grown since it was listed; the rest is not stored here
	Open func() (io.ReadCloser, error)
	Done func() // releases the content from the spool

	Again *Again // for a retry batch; nil: there is nothing to examine
}

// Reference provides the sources' documents, the registry and the catalogue, in current and pinned versions.
type Reference interface {
	// Queues returns the sources whose files this mediator takes.
	Queues() []control.Queue
	// Source returns a version of a source; "" means the current one.
	Source(ctx context.Context, name, version string) (*source.Source, error)
	// Registry waits until the registry has a revision.
	Registry(ctx context.Context, revision registry.Revision) (*registry.Registry, error)
	// Current returns the registry's newest revision and the version of the current catalogue.
	Current(ctx context.Context) (revision registry.Revision, catalogue string, err error)
}
