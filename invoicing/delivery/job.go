package delivery

import (
	"fmt"
	"strings"
	"time"

	"ratemill/invoicing/document"
)

// Channel is a way to deliver documents to a receiver.
type Channel string

// The channels.
const (
	Email    Channel = "email"
	SFTP     Channel = "sftp"      // the payer's remote storage
	Hardcopy Channel = "hardcopy"  // a print file
	EInvoice Channel = "e_invoice" // UBL
)

// Channels lists all channels.
var Channels = []Channel{Email, SFTP, Hardcopy, EInvoice}

// State is the progress of a delivery.
type State string

// The states. sent: the channel accepted the document. confirmed: the channel or an operator confirmed that the
// receiver has it.
const (
	Pending   State = "pending"
	Sending   State = "sending"
	Sent      State = "sent"
	Confirmed State = "confirmed"
	Failed    State = "failed"
)

// States lists all states.
var States = []State{Pending, Sending, Sent, Confirmed, Failed}

// Job is the delivery of a document by one channel.
type Job struct {
	ID          string // <document>/<channel>
	Document    string // id
	Number      string
	PayerNumber uint32
	Payer       string
	Channel     Channel
	Recipient   string
	State       State
	Why         string
	Who         string
	Round       int
	Began       time.Time
	Attempts    int
	Unclear     int // number of interrupted attempts: the receiver may or may not have the document
	NextAt      time.Time
	Sent        time.Time
	Made        time.Time
	Changed     time.Time
	Broken      error // why its row cannot be read; the columns that cannot be read are then 0

	version int64
}

// MessageID returns the Message-ID of a mail, in the domain of its sender. It stays the same when an attempt is
// repeated, so mail programs show the mail only once. It changes when an operator orders the mail to be sent
// again.
func (j *Job) MessageID(domain string) string {
	if j.Round > 1 {
		return fmt.Sprintf("%s.%d@%s", j.Document, j.Round, domain)
	}
	return j.Document + "@" + domain
}

// wanted is a channel by which a document is delivered, with its receiver.
type wanted struct {
	channel   Channel
	recipient string
}

// channels returns the channels that the terms of a document require.
func channels(t *document.Terms, endpoint string) (all []wanted) {
	if t.Delivery == "email" || t.Delivery == "email_and_hardcopy" {
		all = append(all, wanted{Email, strings.Join(t.Emails, " ")})
	}
	if t.Delivery == "hardcopy" || t.Delivery == "email_and_hardcopy" {
		all = append(all, wanted{Hardcopy, "print"})
	}
	if t.Delivery == "e_invoice" {
		all = append(all, wanted{EInvoice, endpoint})
	}
	if s := t.Storage; s != nil {
		all = append(all, wanted{SFTP, s.User + "@" + s.SFTP + ":" + s.Path})
	}
	return all
}

// The pause between attempts doubles up to an hour. After a day, a delivery has failed.
const (
	firstPause = time.Minute
	mostPause  = time.Hour
	giveUp     = 24 * time.Hour
)

// pause returns how long to wait after a number of attempts.
func pause(attempts int) time.Duration {
	p := firstPause
	for range min(attempts-1, 10) {
		p *= 2
	}
	return min(p, mostPause)
}
