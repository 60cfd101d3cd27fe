package delivery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"ratemill/internal/store"
	"ratemill/invoicing/document"
)

// Package holds the files and the mail for a receiver.
type Package struct {
	Job      *Job
	Document *document.Document
	Files    []File
}

// File returns the file of a kind, nil if there is none.
func (p *Package) File(kind string) *File {
	for i := range p.Files {
		if p.Files[i].Kind == kind {
			return &p.Files[i]
		}
	}
	return nil
}

// Sender sends documents by one channel.
type Sender interface {
	// Send sends to the receiver, and returns the outcome. If away is true, the server cannot be
	// reached, and other deliveries to it need not be tried now.
	Send(ctx context.Context, p *Package) (o Outcome, away bool)
}

// Deliverer sends due deliveries. Several may run at the same time.
type Deliverer struct {
	Table     Table
	Files     *Files
	Documents func(ctx context.Context, id string) (*document.Document, error) // a final one
	Senders   map[Channel]Sender                                               // senders of the installation's channels
	Missing   map[Channel]string                                               // for other channels, the setting that enables them
	Now       func() time.Time
	Log       *slog.Logger
	Sent      func(Channel) // called for each delivery that was sent, from several goroutines
	AtOnce    int           // number of deliveries tried at the same time; 0 means 8

	mu      sync.Mutex
	pausing map[string]time.Time // for each server that cannot be reached, the time of the last failure
}

const (
	// attempt is the time limit of one attempt. It is shorter than the lease, so no other process begins
	// an attempt while this attempt may still be running.
	attempt = lease - time.Minute
	// atOnce is the largest number of deliveries that Deliver reads together.
	atOnce = 200
	// sending is the default number of deliveries that are tried at the same time. A mail needs several
	// answers from a remote server, and mail servers accept about this number of connections from one
	// client.
	sending = 8
	// rest is how long the deliverer waits before it tries an unreachable server again.
	rest = time.Minute
)

// Deliver sends deliveries that are due, longest waiting first, and returns the number of deliveries it tried. An
// error comes from the control store; errors of senders are stored with the deliveries.
func (d *Deliverer) Deliver(ctx context.Context) (tried int, err error) {
	due, err := d.Table.Due(ctx, d.Now(), atOnce, d.asleep())
	if err != nil {
		return 0, err
	}
	var count atomic.Int64
	group, trying := errgroup.WithContext(ctx)
	group.SetLimit(cmp.Or(d.AtOnce, sending))
	for i := range due {
		if trying.Err() != nil {
			break
		}
		group.Go(func() error {
			// Attempts that have started run to their end even if another outcome could not be
			// stored; that error only prevents new attempts.
			if trying.Err() != nil || d.away(&due[i]) {
				return nil
			}
			mine, err := d.try(ctx, &due[i])
			if mine {
				count.Add(1)
			}
			return err
		})
	}
	if err = group.Wait(); err == nil {
		err = ctx.Err()
	}
	return int(count.Load()), err
}

// away reports whether the deliverer is waiting before it tries the server of a delivery again.
func (d *Deliverer) away(j *Job) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	failed, found := d.pausing[place(j)]
	return found && d.rests(failed)
}

// rests reports whether a server that failed at a given time must not be tried yet. If the clock was set back, the
// server is tried at once.
func (d *Deliverer) rests(failed time.Time) bool {
	since := d.Now().Sub(failed)
	return since >= 0 && since < rest
}

// asleep returns the channels and the payers' servers that are unreachable now.
func (d *Deliverer) asleep() (places []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for at, failed := range d.pausing {
		if d.rests(failed) {
			places = append(places, at)
		} else {
			delete(d.pausing, at)
		}
	}
	return places
}

// place returns the key of the server for a delivery. The installation has one server per channel, and each
// payer has its own remote storage.
func place(j *Job) string {
	if j.Channel == SFTP {
		return string(SFTP) + " " + j.Recipient
	}
	return string(j.Channel)
}

// try makes an attempt, unless another process is already making one.
func (d *Deliverer) try(ctx context.Context, j *Job) (mine bool, err error) {
	if j.Broken != nil {
		err = d.Table.setAside(ctx, j, d.Now())
		d.failed(j)
		return true, err
	}
	if mine, err = d.Table.begin(ctx, j, d.Now()); !mine {
		return false, err
	}
	o, away := d.send(ctx, j)
	if ctx.Err() != nil && !o.State.over() {
		// The process is shutting down. The outcome is still stored, so that the next process need not wait until
		// the lease ends.
		o.Why = "the process ended"
	}
	if away {
		d.mu.Lock()
		if d.pausing == nil {
			d.pausing = map[string]time.Time{}
		}
		d.pausing[place(j)] = d.Now()
		d.mu.Unlock()
	}
	note, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := d.Table.end(note, j, o, d.Now()); errors.Is(err, store.ErrConflict) {
		d.Log.Warn("an attempt took longer than its lease; another process may have sent the document too", "delivery", j.ID)
		return true, nil
	} else if err != nil {
		return true, err
	}
	switch {
	case j.State.over() && j.State != Failed:
		d.Sent(j.Channel)
	case j.State == Failed:
		d.failed(j)
	}
	return true, nil
}

func (d *Deliverer) failed(j *Job) {
	d.Log.Error("a document could not be delivered; see ratemill delivery list", "delivery", j.ID, "document", j.Number, "why", j.Why)
}

// over reports whether a delivery needs no further attempt.
func (s State) over() bool { return s == Sent || s == Confirmed || s == Failed }

func (d *Deliverer) send(ctx context.Context, j *Job) (o Outcome, away bool) {
	ctx, cancel := context.WithTimeout(ctx, attempt)
	defer cancel()
	sender := d.Senders[j.Channel]
	if sender == nil {
		setting, known := d.Missing[j.Channel]
		if !known {
			err := &store.BrokenError{What: "delivery " + j.ID, Column: "channel of invoice_deliveries",
				Err: fmt.Errorf("%q is no channel", j.Channel)}
			return Outcome{State: Failed, Why: err.Error()}, false
		}
		return Outcome{State: Pending, Why: setting}, true
	}
	of, err := d.Documents(ctx, j.Document)
	if err != nil {
		return Outcome{State: Pending, Why: err.Error()}, false
	}
	files, err := d.Files.Of(ctx, of)
	if changed := (*ChangedError)(nil); errors.As(err, &changed) {
		return Outcome{State: Failed, Why: err.Error()}, false
	}
	if err != nil {
		return Outcome{State: Pending, Why: err.Error()}, false
	}
	o, away = sender.Send(ctx, &Package{Job: j, Document: of, Files: files})
	if o.State == Pending && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		o.Why = fmt.Sprintf("it took longer than %s: %s", attempt, o.Why)
	}
	return o, away
}
