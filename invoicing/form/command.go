package form

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"ratemill/printable"
)

const (
	mostPDF     = 64 << 20         // largest PDF that a command may return, in octets
	mostTold    = 2 << 10          // octets of the command's standard error that an error shows
	defaultTime = 30 * time.Second // for a command
	lastBreath  = 2 * time.Second  // how long to wait for the pipes to close after the command was killed
)

// environment lists the environment variables that a command gets. Other variables may contain secrets of the
// installation.
var environment = []string{"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "FONTCONFIG_FILE", "FONTCONFIG_PATH", "XDG_CACHE_HOME"}

// run draws a page with the installation's command.
func (p *Printer) run(ctx context.Context, page []byte) ([]byte, error) {
	name := filepath.Base(p.command[0])
	within, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	cmd := exec.CommandContext(within, p.command[0], p.command[1:]...)
	out, told := &bounded{most: mostPDF, full: cancel}, &bounded{most: mostTold}
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = bytes.NewReader(page), out, told, lastBreath
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a browser has child processes, which must end with it
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	for _, v := range environment {
		if value, ok := os.LookupEnv(v); ok {
			cmd.Env = append(cmd.Env, v+"="+value)
		}
	}
	err := cmd.Run()
	said := ""
	if text := strings.TrimSpace(told.kept.String()); text != "" {
		said = "; it said: " + printable.Line(text)
	}
	switch pdf := out.kept.Bytes(); {
	case out.over:
		return nil, fmt.Errorf("invoicing.pdf.command %s wrote more than %d MB and was ended%s", name, mostPDF>>20, said)
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(within.Err(), context.DeadlineExceeded):
		return nil, fmt.Errorf("invoicing.pdf.command %s took longer than invoicing.pdf.timeout, %s, and was ended%s", name, p.timeout,
			said)
	case err != nil:
		return nil, fmt.Errorf("invoicing.pdf.command %s failed: %w%s", name, err, said)
	case !bytes.HasPrefix(pdf, []byte("%PDF-")) || !bytes.Contains(pdf[max(0, len(pdf)-1024):], []byte("%%EOF")):
		return nil, fmt.Errorf("invoicing.pdf.command %s wrote no complete PDF to its standard output (%d octets)%s", name, len(pdf), said)
	default:
		return pdf, nil
	}
}

// bounded keeps the data written to it, up to a number of octets. Later output is dropped, and full is called
// once.
type bounded struct {
	kept bytes.Buffer // not embedded: io.Copy would use its ReadFrom, which ignores the limit
	most int
	full func()
	over bool
}

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	keep := p[:min(len(p), b.most-b.kept.Len())]
	b.kept.Write(keep)
	if len(keep) < len(p) && !b.over {
		b.over = true
		if b.full != nil {
			b.full()
		}
	}
	return len(p), nil
}
