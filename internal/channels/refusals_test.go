package channels

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/store"
	"ratemill/invoicing/delivery"
)

// scripted is a mail server that answers commands by a script. A missing answer is the usual one, "hang up" closes the
// connection, and "silence" gives no answer.
func scripted(t *testing.T, answers map[string]string) *Mail {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go speak(conn, answers)
		}
	}()
	return &Mail{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, TLS: NoTLS, Timeout: 300 * time.Millisecond,
		Write: func(p *delivery.Package) (delivery.Letter, error) {
			return delivery.Write(p.Document, nil, "billing@globex.example"), nil
		}}
}

func speak(conn net.Conn, answers map[string]string) {
	defer conn.Close()
	in, text := bufio.NewScanner(conn), false
	say := func(command, usual string) bool {
		switch answer, ok := answers[command]; {
		case answer == "hang up":
			return false
		case answer == "silence":
			return true
		case ok:
			usual = answer
		}
		fmt.Fprintf(conn, "%s\r\n", usual)
		text = command == "DATA" && strings.HasPrefix(usual, "354")
		return true
	}
	for more := say("greeting", "220 here"); more && in.Scan(); {
		command, _, _ := strings.Cut(strings.ToUpper(in.Text()), " ")
		switch {
		case text && in.Text() == ".":
			more = say("end", "250 queued")
		case text:
		case command == "DATA":
			more = say(command, "354 go on")
		default:
			more = say(command, "250 fine")
		}
	}
}

// Each way in which a mail server can refuse a mail, or say nothing.
func TestEachRefusalOfAMailServer(t *testing.T) {
	onBoth(t, func(t *testing.T, h *house) {
		n := 0
		for _, c := range []struct {
			command, answer string
			tls             string
			want            string // state, attempts, attempts with an unclear outcome, and words
			away            bool   // the next mail is not tried now
		}{
			{"greeting", "554 no mail service here", NoTLS, "pending 1/0", true},
			{"greeting", "421 too busy", NoTLS, "pending 1/0", true},
			{"greeting", "silence", NoTLS, "pending 1/0", true},
			{"greeting", "hang up", NoTLS, "pending 1/0", true},
			{"STARTTLS", "502 what is that", StartTLS, "pending 1/0", true},
			{"MAIL", "550 you are not from here", NoTLS, "failed 1/0", false},
			{"MAIL", "451 later", NoTLS, "pending 1/0", false},
			{"RCPT", "550 no such user", NoTLS, "failed 1/0", false},
			{"RCPT", "452 mailbox full", NoTLS, "pending 1/0", false},
			{"RCPT", "silence", NoTLS, "pending 1/0", true},
			{"RCPT", "hang up", NoTLS, "pending 1/0", true},
			{"DATA", "554 no", NoTLS, "failed 1/0", false},
			{"DATA", "451 later", NoTLS, "pending 1/0", false},
			{"DATA", "hang up", NoTLS, "pending 1/0", true},
			{"end", "552 too big", NoTLS, "failed 1/0", false},
			{"end", "452 no space", NoTLS, "pending 1/0", false},
			{"end", "silence", NoTLS, "pending 1/1", true},
			{"end", "hang up", NoTLS, "pending 1/1", true},
		} {
			n++
			require.NoError(t, h.db.Change(t.Context(), "test", func(tx *store.Tx) error {
				_, err := tx.Exec(t.Context(), `DELETE FROM invoice_deliveries`) // those of the case before are due too
				return err
			}))
			m := scripted(t, map[string]string{c.command: c.answer})
			m.TLS = c.tls
			h.senders[delivery.Email] = m
			h.now = h.now.Add(time.Hour)
			first, second := fmt.Sprintf("R-%03d", 2*n), fmt.Sprintf("R-%03d", 2*n+1)
			h.final(first, mailed)
			h.final(second, mailed)
			all := h.deliver()
			told := of(all, first)
			require.Contains(t, told, first+" "+c.want, "%s: %s", c.command, c.answer)
			if strings.Contains(c.answer, " ") && c.answer != "hang up" && c.command != "STARTTLS" {
				_, words, _ := strings.Cut(c.answer, " ")
				require.Contains(t, told, words)
			}
			told = of(all, second)
			require.Equal(t, c.away, strings.Contains(told, "0/0"), "%s: %s: %s", c.command, c.answer, told)
		}
	})
}

func of(all []string, number string) string {
	for _, told := range all {
		if strings.HasPrefix(told, number+" ") {
			return told
		}
	}
	return ""
}
