package config

import (
	"os/exec"
	"strings"
	"time"

	"ratemill/diag"
)

// file returns the path of the command's program if it is given as a path, which is relative to the configuration; a
// bare name is looked up in PATH.
func (p *PDF) file() *string {
	if len(p.Command) == 0 || !strings.Contains(p.Command[0], "/") {
		return new(string)
	}
	return &p.Command[0]
}

// pdf reports a command that cannot run. Another machine may have the program, so its absence is a warning.
func (c *Config) pdf(at func(path ...string) diag.Pos, errorf, warnf func(pos diag.Pos, format string, args ...any)) {
	p := &c.Invoicing.PDF
	if p.Timeout < time.Second {
		errorf(at("invoicing", "pdf", "timeout"), "invoicing.pdf.timeout is %s; the minimum is 1s", p.Timeout)
	}
	if len(p.Command) == 0 {
		return
	}
	pos := at("invoicing", "pdf", "command")
	if p.Command[0] == "" {
		errorf(pos, "invoicing.pdf.command begins with an empty text; write the program first, as in [weasyprint, "+
			"--pdf-variant, pdf/a-3b, '-', '-']")
		return
	}
	if !strings.Contains(p.Command[0], "/") {
		if _, err := exec.LookPath(p.Command[0]); err != nil {
			warnf(pos, "invoicing.pdf.command is %s, which is not in PATH on this machine; install it where documents are "+
				"created, or write its path", p.Command[0])
		}
	}
}
