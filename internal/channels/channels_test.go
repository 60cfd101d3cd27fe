package channels

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"net"
	netmail "net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"ratemill/decimal"
	"ratemill/internal/embedded/sftp"
	"ratemill/internal/proof/testengine"
	"ratemill/internal/store"
	"ratemill/invoicing/delivery"
	"ratemill/invoicing/document"
	"ratemill/registry"
)

func TestMain(m *testing.M) { testengine.Main(m) }

// post is a mail server that keeps what it gets.
type post struct {
	port int

	mu     sync.Mutex
	mails  []received
	refuse map[string]error // by address
	after  func(*smtp.Conn) // after the text of a mail has come, before the answer
}

type received struct {
	to   []string
	text string
	user string
	tls  bool
}

func (p *post) all() []received {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]received(nil), p.mails...)
}

type session struct {
	p    *post
	c    *smtp.Conn
	mail received
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }
func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if password != "correct horse" {
			return smtp.ErrAuthFailed
		}
		s.mail.user = user
		return nil
	}), nil
}
func (s *session) Reset()        { s.mail.to = nil }
func (s *session) Logout() error { return nil }
func (s *session) Mail(string, *smtp.MailOptions) error {
	_, s.mail.tls = s.c.TLSConnectionState()
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.p.mu.Lock()
	defer s.p.mu.Unlock()
	s.mail.to = append(s.mail.to, to)
	return s.p.refuse[to]
}

func (s *session) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.mail.text = string(text)
	s.p.mu.Lock()
	s.p.mails = append(s.p.mails, s.mail)
	after := s.p.after
	s.p.mu.Unlock()
	if after != nil {
		after(s.c)
	}
	return nil
}

// postOffice starts a mail server; its certificate is for 127.0.0.1.
func postOffice(t testing.TB, encrypted bool) (*post, *Mail) {
	authority := testengine.NewAuthority(t)
	c := authority.Issue(t, "mail", "127.0.0.1")
	pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
	require.NoError(t, err)
	pem, err := os.ReadFile(authority.CAFile)
	require.NoError(t, err)
	trust := &tls.Config{RootCAs: x509.NewCertPool()}
	require.True(t, trust.RootCAs.AppendCertsFromPEM(pem))
	p := &post{refuse: map[string]error{}}
	s := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &session{p: p, c: c}, nil }))
	s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p.port = l.Addr().(*net.TCPAddr).Port
	m := &Mail{Host: "127.0.0.1", Port: p.port, TLS: StartTLS, Trust: trust, User: "ratemill", Password: "correct horse",
		Timeout: 5 * time.Second,
		Write: func(p *delivery.Package) (delivery.Letter, error) {
			return delivery.Write(p.Document, nil, "billing@globex.example"), nil
		}}
	if encrypted {
		l, m.TLS = tls.NewListener(l, s.TLSConfig), TLS
	}
	s.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return p, m
}

func date(t testing.TB, text string) (d registry.Date) {
	require.NoError(t, d.UnmarshalText([]byte(text)))
	return d
}

// house is an installation that delivers.
type house struct {
	*testing.T
	dsn, dir  string
	db        *store.DB
	now       time.Time
	documents map[string]*document.Document
	made      int // files of documents
	senders   map[delivery.Channel]delivery.Sender
}

func onBoth(t *testing.T, test func(*testing.T, *house)) {
	for name, dsn := range map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "control.db") },
		"postgres": func(t *testing.T) string { return testengine.SharedPostgres(t).NewDatabase(t) },
	} {
		t.Run(name, func(t *testing.T) {
			h := &house{T: t, dsn: dsn(t), dir: t.TempDir(), now: time.Date(2026, 5, 4, 8, 0, 0, 0, time.UTC),
				documents: map[string]*document.Document{}, senders: map[delivery.Channel]delivery.Sender{}}
			h.open()
			t.Cleanup(func() { h.db.Close() })
			require.NoError(t, delivery.Migrate(t.Context(), h.db))
			test(t, h)
		})
	}
}

// open opens the control store: a process begins.
func (h *house) open() {
	db, err := store.Open(h.dsn)
	require.NoError(h, err)
	h.db = db
}

func (h *house) final(number string, terms document.Terms) {
	d := &document.Document{ID: "1-regular-" + number, Number: number, Form: document.Regular, Currency: "EUR", Scale: 2,
		Total: decimal.MustParse("121.00"), Issued: date(h, "2026-05-04"), Due: date(h, "2026-06-03"), Terms: terms,
		Cycle: document.Period{From: date(h, "2026-04-01"), To: date(h, "2026-05-01")},
		Payer: document.Party{Account: "acme", Name: "Acme GmbH"}, Seller: document.Party{Account: "globex", Name: "Globex IoT S.L."}}
	h.documents[d.ID] = d
	require.NoError(h, h.db.Change(h.Context(), "test", func(tx *store.Tx) error {
		_, err := delivery.Enqueue(h.Context(), tx, 1, d, h.now)
		return err
	}))
}

func (h *house) deliverer() *delivery.Deliverer {
	return &delivery.Deliverer{
		Table: delivery.Table{DB: h.db}, Now: func() time.Time { return h.now }, Log: slog.New(slog.DiscardHandler), Senders: h.senders,
		Missing: map[delivery.Channel]string{delivery.Email: "no mail server is configured"}, Sent: func(delivery.Channel) {}, AtOnce: 1,
		Documents: func(_ context.Context, id string) (*document.Document, error) { return h.documents[id], nil },
		Files: &delivery.Files{DB: h.db, Dir: h.dir, Now: func() time.Time { return h.now },
			Make: func(_ context.Context, d *document.Document) (pdf, ubl, csv []byte, err error) {
				h.made++
				return fmt.Appendf(nil, "%%PDF %s made %d", d.Number, h.made), []byte("<Invoice/>"), []byte("line,net\r\n1,100.00\r\n"), nil
			}},
	}
}

// deliver tries what is due, and says how deliveries are.
func (h *house) deliver() (told []string) {
	h.Helper()
	_, err := h.deliverer().Deliver(h.Context())
	require.NoError(h, err)
	return h.told()
}

func (h *house) told() (told []string) {
	all, err := delivery.Table{DB: h.db}.List(h.Context(), delivery.Question{})
	require.NoError(h, err)
	for _, j := range all {
		told = append(told, strings.TrimSpace(fmt.Sprintf("%s %s %d/%d %s", j.Number, j.State, j.Attempts, j.Unclear, j.Why)))
	}
	return told
}

var mailed = document.Terms{Delivery: "email", Emails: []string{"a@acme.example", "b@acme.example"}, Language: "es"}

func TestAMailHasTheFilesAsIssued(t *testing.T) {
	for name, encrypted := range map[string]bool{"starttls": false, "tls": true} {
		t.Run(name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, h *house) {
				p, m := postOffice(t, encrypted)
				h.senders[delivery.Email] = m
				h.final("INV-2026-000412", mailed)
				require.Equal(t, []string{"INV-2026-000412 sent 1/0"}, h.deliver())
				require.Equal(t, []string{"INV-2026-000412 sent 1/0"}, h.deliver()) // nothing is due
				require.Len(t, p.all(), 1)
				got := p.all()[0]
				require.Equal(t, received{to: mailed.Emails, text: got.text, user: "ratemill", tls: true}, got)
				text, err := netmail.ReadMessage(strings.NewReader(got.text))
				require.NoError(t, err)
				require.Equal(t, "<1-regular-INV-2026-000412@globex.example>", text.Header.Get("Message-ID"))
				subject, err := (&mime.WordDecoder{}).DecodeHeader(text.Header.Get("Subject"))
				require.NoError(t, err)
				require.Equal(t, "Factura INV-2026-000412", subject)
				require.Equal(t, `"Globex IoT S.L." <billing@globex.example>`, text.Header.Get("From"))
				require.Equal(t, map[string]string{"INV-2026-000412.pdf": "%PDF INV-2026-000412 made 1",
					"INV-2026-000412.xml": "<Invoice/>",
					"INV-2026-000412.csv": "line,net\r\n1,100.00\r\n"}, attachments(t, text))
			})
		})
	}
}

// attachments are the files of a mail, by name.
func attachments(t *testing.T, m *netmail.Message) map[string]string {
	_, parameters, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	require.NoError(t, err)
	all := map[string]string{}
	for r := multipart.NewReader(m.Body, parameters["boundary"]); ; {
		part, err := r.NextPart()
		if err == io.EOF {
			return all
		}
		require.NoError(t, err)
		if part.FileName() == "" {
			continue
		}
		text, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, part))
		require.NoError(t, err)
		all[part.FileName()] = string(text)
	}
}

func TestAMailServerThatRefusesForGoodIsNotAskedAgainAndOneThatIsAwayIs(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		p, m := postOffice(t, false)
		h.senders[delivery.Email] = m
		p.refuse["b@acme.example"] = &smtp.SMTPError{Code: 450, Message: "later"}
		h.final("INV-1", mailed)
		require.Contains(t, h.deliver()[0], "INV-1 pending 1/0 the mail server 127.0.0.1:")
		p.refuse["b@acme.example"] = &smtp.SMTPError{Code: 550, Message: "no such user"}
		h.now = h.now.Add(time.Hour)
		told := h.deliver()[0]
		require.Contains(t, told, "INV-1 failed 2/0")
		require.Contains(t, told, "no such user")
		require.Empty(t, p.all())

		m.Password = "battery staple"
		h.final("INV-2", mailed)
		h.final("INV-3", mailed)
		told2 := h.deliver()
		require.Contains(t, told2[1]+told2[2], "pending 1/0", "the first finds out that the server is of no use now")
		require.Contains(t, told2[1]+told2[2], "pending 0/0", "the second is not tried")
	})
}

// The server has the mail, but its answer is lost: mail has no way to ask. It is sent again with the same Message-ID, and the
// delivery says so.
func TestAMailWhoseAnswerIsLostIsSentAgainWithItsMessageIDAndSaysSo(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		p, m := postOffice(t, false)
		h.senders[delivery.Email] = m
		p.after = func(c *smtp.Conn) { c.Conn().Close() }
		h.final("INV-1", mailed)
		require.Contains(t, h.deliver()[0], "INV-1 pending 1/1")
		p.mu.Lock()
		p.after = nil
		p.mu.Unlock()
		h.now = h.now.Add(2 * time.Minute)
		require.Equal(t, []string{"INV-1 sent 2/1"}, h.deliver())
		require.Len(t, p.all(), 2)
		require.Equal(t, messageID(t, p.all()[0]), messageID(t, p.all()[1]))
		require.Equal(t, 1, h.made, "files are made once")
	})
}

func messageID(t *testing.T, r received) string {
	m, err := netmail.ReadMessage(strings.NewReader(r.text))
	require.NoError(t, err)
	return m.Header.Get("Message-ID")
}

// The process dies between the answer of the server and the note in the control store.
func TestAProcessThatDiesWhileItSendsLeavesADeliveryThatSaysSo(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		p, m := postOffice(t, false)
		h.senders[delivery.Email] = m
		p.after = func(*smtp.Conn) { h.db.Close() } // nothing that this process does counts any more
		h.final("INV-1", mailed)
		_, err := h.deliverer().Deliver(t.Context())
		require.Error(t, err)
		p.mu.Lock()
		p.after = nil
		p.mu.Unlock()

		h.open()
		require.Equal(t, []string{"INV-1 sending 1/0"}, h.deliver(), "another process may be sending it")
		h.now = h.now.Add(6 * time.Minute)
		require.Equal(t, []string{"INV-1 sent 2/1"}, h.deliver())
		require.Len(t, p.all(), 2)
		require.Equal(t, messageID(t, p.all()[0]), messageID(t, p.all()[1]))
	})
}

func TestAKeptFileThatWasChangedIsNotSent(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		p, m := postOffice(t, false)
		h.senders[delivery.Email] = m
		h.final("INV-1", mailed)
		h.deliver()
		files, err := h.deliverer().Files.Of(t.Context(), h.documents["1-regular-INV-1"])
		require.NoError(t, err)
		require.Len(t, files, 3)
		require.NoError(t, os.WriteFile(filepath.Join(h.dir, files[0].Path), []byte("another"), 0o600))
		_, err = delivery.Table{DB: h.db}.Again(t.Context(), "1-regular-INV-1/email", delivery.Decide{Who: "maria", Why: "it was lost"},
			h.now)
		require.NoError(t, err)
		told := h.deliver()[0]
		require.Contains(t, told, "INV-1 failed 1/0 the file")
		require.Contains(t, told, "is not what was issued: its SHA-256 differs; restore it from the backup")
		require.Len(t, p.all(), 1)
		require.Equal(t, 1, h.made)
	})
}

func TestFilesReachThePayersServerOnceAndOnlyWithItsHostKey(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		dir, secrets := t.TempDir(), t.TempDir()
		require.NoError(t, os.Mkdir(filepath.Join(dir, "in"), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(secrets, "acme"), []byte("correct horse\n"), 0o600))
		server, err := sftp.Start(sftp.Options{Dir: dir, User: "ratemill", Password: "correct horse"})
		require.NoError(t, err)
		t.Cleanup(func() { server.Close() })
		storage := document.Storage{SFTP: server.Address, User: "ratemill", Path: "/in", HostKey: server.Fingerprint, Secret: "file:acme"}
		h.senders[delivery.SFTP] = &SFTP{Secrets: secrets, Timeout: 5 * time.Second}
		h.final("INV-1", document.Terms{Storage: &storage})
		require.Contains(t, h.deliver()[0], "INV-1 failed 1/0 127.0.0.1", "a payer names no server of our own networks")

		h.senders[delivery.SFTP] = &SFTP{Secrets: secrets, Private: true, Timeout: 5 * time.Second}
		require.NoError(t, os.WriteFile(filepath.Join(dir, "in", "INV-2.pdf.part"), []byte("what an attempt left"), 0o600))
		h.final("INV-2", document.Terms{Storage: &storage})
		require.Contains(t, h.deliver()[1], "INV-2 confirmed 1/0")
		names, err := filepath.Glob(filepath.Join(dir, "in", "INV-2*"))
		require.NoError(t, err)
		require.Len(t, names, 3)
		// The files are there already: after a crash, the next attempt finds that.
		_, err = delivery.Table{DB: h.db}.Again(t.Context(), "1-regular-INV-2/sftp", delivery.Decide{Who: "maria", Why: "a test"}, h.now)
		require.NoError(t, err)
		require.Contains(t, h.deliver()[1], "INV-2 confirmed 1/0")

		require.NoError(t, os.WriteFile(filepath.Join(dir, "in", "INV-3.pdf"), []byte("another"), 0o600))
		h.final("INV-3", document.Terms{Storage: &storage})
		require.Contains(t, strings.Join(h.deliver(), "\n"), `INV-3 failed 1/0 "/in/INV-3.pdf" already exists with other content`)

		other := storage
		other.HostKey = "SHA256:u3Qf8bXoK4k1y0Hq3cN5m2p7r9t1v3x5z7B9D1F3H5I"
		h.final("INV-4", document.Terms{Storage: &other})
		require.Contains(t, strings.Join(h.deliver(), "\n"), "INV-4 failed 1/0 host key of "+server.Address+" is "+server.Fingerprint)
	})
}

// A billing profile names a secret of the machine: only those that are meant for payers' servers go there.
func TestOnlySecretsThatAreMeantForItAreRead(t *testing.T) {
	secrets := t.TempDir()
	outside := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(outside, []byte("x"), 0o600))
	require.NoError(t, os.Symlink(outside, filepath.Join(secrets, "link")))
	require.NoError(t, os.WriteFile(filepath.Join(secrets, "acme"), []byte("right\n"), 0o600))
	t.Setenv("RATEMILL_STORAGE_ACME", "right")
	s := &SFTP{Secrets: secrets}
	for _, reference := range []string{"file:acme", "file:" + filepath.Join(secrets, "acme"), "env:RATEMILL_STORAGE_ACME"} {
		text, err := s.secret(reference)
		require.NoError(t, err)
		require.Equal(t, "right", text)
	}
	for _, reference := range []string{"file:" + outside, "file:../key", "file:link", "env:PATH", "acme", "env:RATEMILL_STORAGE_NONE"} {
		_, err := s.secret(reference)
		require.Error(t, err, reference)
	}
	_, err := (&SFTP{}).secret("file:acme")
	require.ErrorContains(t, err, "invoicing.secrets names no folder")
}

func TestPrintFilesAndEInvoicesAreInTheirFolders(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		dir := t.TempDir()
		h.senders[delivery.Hardcopy] = &Folder{Dir: filepath.Join(dir, "print"), Kind: delivery.PDF}
		h.senders[delivery.EInvoice] = &Folder{Dir: filepath.Join(dir, "peppol"), Kind: delivery.UBL}
		h.final("INV-1", document.Terms{Delivery: "hardcopy"})
		h.final("INV-2", document.Terms{Delivery: "e_invoice"})
		require.Equal(t, []string{"INV-1 sent 1/0", "INV-2 sent 1/0"}, h.deliver())
		text, err := os.ReadFile(filepath.Join(dir, "print", "globex", "INV-1.pdf"))
		require.NoError(t, err)
		require.True(t, bytes.HasPrefix(text, []byte("%PDF INV-1")))
		require.FileExists(t, filepath.Join(dir, "peppol", "globex", "INV-2.xml"))
		_, err = delivery.Table{DB: h.db}.Confirm(t.Context(), "1-regular-INV-1/hardcopy", delivery.Decide{Who: "maria", Why: "posted"},
			h.now)
		require.NoError(t, err)
		require.Contains(t, strings.Join(h.told(), "\n"), "INV-1 confirmed 1/0 posted")
	})
}

func TestWhatNoChannelIsConfiguredForFailsAfterADay(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		h.final("INV-1", mailed)
		require.Equal(t, []string{"INV-1 pending 1/0 no mail server is configured"}, h.deliver())
		h.now = h.now.Add(25 * time.Hour)
		require.Equal(t, []string{"INV-1 failed 2/0 it was tried for a day; the last attempt: no mail server is configured"}, h.deliver())
	})
}
