package channels

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"ratemill/invoicing/delivery"
)

// The ways to encrypt the connection to the mail server.
const (
	StartTLS = "starttls" // requested, and mandatory
	TLS      = "tls"      // from the beginning
	NoTLS    = "none"
)

// Mail sends documents through a mail server.
type Mail struct {
	Host     string
	Port     int
	TLS      string      // StartTLS, TLS, NoTLS
	Trust    *tls.Config // nil: the certificate authorities of the system
	User     string      // empty: no login
	Password string
	Timeout  time.Duration
	// Write writes the mail of a document.
	Write func(*delivery.Package) (delivery.Letter, error)
}

// types maps kinds of files to media types.
var types = map[string]mail.ContentType{delivery.PDF: "application/pdf", delivery.UBL: "application/xml", delivery.CSV: "text/csv"}

// Send implements delivery.Sender. A server that answers 5xx refuses the mail permanently; all other failures are
// retried. If a connection breaks after the text was sent, it is unknown whether the server has the mail.
func (m *Mail) Send(ctx context.Context, p *delivery.Package) (delivery.Outcome, bool) {
	message, err := m.message(p)
	if err != nil {
		return delivery.Outcome{State: delivery.Failed, Why: err.Error()}, false
	}
	stop := func() bool { return true }
	defer func() { stop() }()
	c, err := m.client(func(conn net.Conn) { stop = context.AfterFunc(ctx, func() { conn.Close() }) })
	if err != nil {
		return delivery.Outcome{State: delivery.Failed, Why: err.Error()}, false
	}
	if err := c.DialWithContext(ctx); err != nil {
		return delivery.Outcome{State: delivery.Pending, Why: fmt.Sprintf("the mail server %s: %v", m.Host, err)}, true
	}
	defer c.Close() // whether the server has the mail does not depend on this
	return judge(m.Host, c.Send(message), message.IsDelivered())
}

// judge interprets an error of a mail server.
func judge(host string, err error, delivered bool) (delivery.Outcome, bool) {
	var said *mail.SendError
	switch {
	case err == nil || delivered:
		return delivery.Outcome{State: delivery.Sent}, false
	case !errors.As(err, &said):
		return delivery.Outcome{State: delivery.Pending, Why: fmt.Sprintf("the mail server %s: %v", host, err)}, true
	}
	why := fmt.Sprintf("the mail server %s: %v", host, err)
	if code := said.ErrorCode(); code >= 500 && code < 600 {
		return delivery.Outcome{State: delivery.Failed, Why: why}, false
	}
	o := delivery.Outcome{State: delivery.Pending, Why: why}
	o.Unclear = said.ErrorCode() == 0 && said.Reason == mail.ErrSMTPDataClose
	return o, said.ErrorCode() == 0
}

func (m *Mail) message(p *delivery.Package) (*mail.Msg, error) {
	l, err := m.Write(p)
	if err != nil {
		return nil, err
	}
	message := mail.NewMsg()
	if l.From == "" {
		return nil, errors.New("nobody says from whom mails are: write mail_from of the seller's document, or invoicing.mail.from")
	}
	if err := message.FromFormat(l.Name, l.From); err != nil {
		return nil, fmt.Errorf("the sender %q is not an address: %w", l.From, err)
	}
	to := strings.Fields(p.Job.Recipient)
	if len(to) == 0 {
		return nil, errors.New("the billing profile of the document has no address in emails")
	}
	if err := message.To(to...); err != nil {
		return nil, fmt.Errorf("an address in emails: %w", err)
	}
	_, domain, _ := strings.Cut(l.From, "@")
	message.SetMessageIDWithValue(p.Job.MessageID(domain))
	message.SetDateWithValue(p.Job.Began)
	message.SetGenHeader(mail.HeaderXAutoResponseSuppress, "OOF, AutoReply")
	message.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no automatic replies, such as holiday notices
	message.Subject(l.Subject)
	message.SetBodyString(mail.TypeTextPlain, l.Text)
	for _, f := range p.Files {
		if err := message.AttachReader(f.Name, bytes.NewReader(f.Content), mail.WithFileContentType(types[f.Kind])); err != nil {
			return nil, err
		}
	}
	return message, nil
}

// client returns a client of the server; opened is called with its connection.
func (m *Mail) client(opened func(net.Conn)) (*mail.Client, error) {
	trust := &tls.Config{}
	if m.Trust != nil {
		trust = m.Trust.Clone()
	}
	trust.ServerName, trust.MinVersion = m.Host, tls.VersionTLS12
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{Timeout: m.Timeout}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		opened(conn)
		if m.TLS == TLS {
			conn = tls.Client(conn, trust)
		}
		return conn, nil
	}
	o := []mail.Option{mail.WithPort(m.Port), mail.WithTimeout(m.Timeout), mail.WithTLSConfig(trust), mail.WithoutNoop(),
		mail.WithDialContextFunc(dial)}
	switch m.TLS {
	case TLS:
		o = append(o, mail.WithSSL())
	case NoTLS:
		o = append(o, mail.WithTLSPolicy(mail.NoTLS))
	default:
		o = append(o, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if m.User != "" {
		o = append(o, mail.WithUsername(m.User), mail.WithPassword(m.Password))
		if m.TLS == TLS { // the library does not see that the dialer encrypts
			o = append(o, mail.WithOpportunisticSMTPAuth(mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthPlain, mail.SMTPAuthLogin))
		} else {
			o = append(o, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover))
		}
	}
	return mail.NewClient(m.Host, o...)
}
