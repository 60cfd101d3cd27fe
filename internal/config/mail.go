package config

import (
	"time"

	"ratemill/diag"
)

// Mail selects the server that sends documents by mail.
type Mail struct {
	Host         string        `yaml:"host,env" doc:"Name of the mail server." example:"smtp.example"`
	Port         int           `yaml:"port" default:"587" doc:"Its port: 587 with starttls, 465 with tls."`
	TLS          string        `yaml:"tls" default:"starttls" enum:"starttls|tls|none" doc:"How the connection is encrypted. starttls: encryption is requested and required. tls: encrypted from the beginning. none: only for a server on this machine."`
	CAFile       string        `yaml:"ca_file" doc:"PEM file with the authority certificates that sign the server's; default: the system's."`
	User         string        `yaml:"user,env" doc:"User name for the login. None: no login." example:"ratemill"`
	PasswordFile string        `yaml:"password_file,env" doc:"File with the password."`
	PasswordEnv  string        `yaml:"password_env" doc:"Name of the environment variable with the password."`
	From         string        `yaml:"from" doc:"Sender of mails for sellers that have no mail_from." example:"billing@example.com"`
	Timeout      time.Duration `yaml:"timeout" default:"1m" doc:"How long sending a mail may take, 1s to 3m."`
}

// mail checks the mail server.
func (c *Config) mail(at func(path ...string) diag.Pos, errorf func(pos diag.Pos, format string, args ...any)) {
	m := c.Invoicing.Mail
	if m.Host == "" {
		return
	}
	if m.User != "" && (m.PasswordFile == "") == (m.PasswordEnv == "") {
		errorf(at("invoicing", "mail"), "invoicing.mail has a user, so it needs either password_file or password_env")
	}
	if m.User != "" && m.TLS == "none" {
		errorf(at("invoicing", "mail", "tls"),
			"invoicing.mail would send its password without encryption; use starttls or tls, or leave user out")
	}
	if m.Port < 1 || m.Port > 65535 {
		errorf(at("invoicing", "mail", "port"), "invoicing.mail.port %d is out of range", m.Port)
	}
	if m.Timeout < time.Second || m.Timeout > 3*time.Minute {
		errorf(at("invoicing", "mail", "timeout"), "invoicing.mail.timeout is %s; it must be between 1s and 3m", m.Timeout)
	}
}
