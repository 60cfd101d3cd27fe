package channels

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"ratemill/internal/outbound"
	"ratemill/invoicing/delivery"
	"ratemill/mediation/collect"
)

// SFTP writes the files of documents to the servers in payers' billing profiles.
type SFTP struct {
	Private bool   // servers may be in private networks
	Secrets string // folder with the files of secrets; empty: no file is read
	Timeout time.Duration
}

// Send implements delivery.Sender. When it returns, the payer has the files: each was written under a temporary name,
// its size was checked, and it was renamed.
func (s *SFTP) Send(ctx context.Context, p *delivery.Package) (delivery.Outcome, bool) {
	storage := p.Document.Terms.Storage
	if storage == nil {
		return delivery.Outcome{State: delivery.Failed, Why: "the billing profile of the document names no remote storage"}, false
	}
	secret, err := s.secret(storage.Secret)
	if err != nil {
		return delivery.Outcome{State: delivery.Failed, Why: err.Error()}, false
	}
	host, port := storage.SFTP, 22
	if h, text, err := net.SplitHostPort(storage.SFTP); err == nil {
		host = h
		port, _ = strconv.Atoi(text)
	}
	var files []collect.NewFile
	for _, f := range p.Files {
		files = append(files, collect.NewFile{Name: f.Name, Content: f.Content})
	}
	o := &collect.SFTP{Host: host, Port: port, User: storage.User, HostKey: collect.Words{storage.HostKey}, Timeout: s.Timeout}
	err = collect.Put(ctx, o, collect.Login{Secret: secret, Control: outbound.Control(s.Private)}, storage.Path, files)
	var private *outbound.PrivateError
	var refused *collect.RefusedError
	var other *collect.OtherContentError
	var away *collect.UnreachableError
	switch {
	case err == nil:
		return delivery.Outcome{State: delivery.Confirmed}, false
	case errors.As(err, &private), errors.As(err, &refused), errors.As(err, &other): // an operator has to correct something
		return delivery.Outcome{State: delivery.Failed, Why: err.Error()}, false
	}
	return delivery.Outcome{State: delivery.Pending, Why: err.Error()}, errors.As(err, &away)
}

// secretPrefix is the prefix of the environment variables to which billing profiles may refer.
const secretPrefix = "RATEMILL_STORAGE_"

// secret reads a secret. The author of a billing profile chooses a server and the secret that is sent to it. So
// the secret must be one that is meant for this purpose, not any file or variable of this machine.
func (s *SFTP) secret(reference string) (string, error) {
	kind, name, _ := strings.Cut(reference, ":")
	switch kind {
	case "env":
		if !strings.HasPrefix(name, secretPrefix) {
			return "", fmt.Errorf("remote_storage.secret names the variable %s; only those that begin with %s are read for the servers of payers",
				name,
				secretPrefix)
		}
		text, ok := os.LookupEnv(name)
		if !ok {
			return "", fmt.Errorf("the variable %s, which remote_storage.secret names, is not set", name)
		}
		return text, nil
	case "file":
		if s.Secrets == "" {
			return "", errors.New("remote_storage.secret names a file, and invoicing.secrets names no folder with such files")
		}
		if rest, err := filepath.Rel(s.Secrets, name); err == nil && filepath.IsAbs(name) {
			name = rest
		}
		root, err := os.OpenRoot(s.Secrets)
		if err != nil {
			return "", fmt.Errorf("invoicing.secrets: %w", err)
		}
		defer root.Close()
		text, err := root.ReadFile(name) // nothing outside the folder, not even through links
		if err != nil {
			return "", fmt.Errorf("remote_storage.secret: a file in invoicing.secrets is expected: %w", err)
		}
		if strings.Contains(string(text), "PRIVATE KEY-----") {
			return string(text), nil
		}
		return strings.TrimRight(string(text), "\r\n"), nil
	}
	return "", errors.New("remote_storage.secret says where the secret is, file:PATH or env:NAME")
}
