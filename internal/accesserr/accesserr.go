package accesserr

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Error reports which user was refused and what to do.
type Error struct {
	Why string // the reason, worded as the end of a sentence about the connection
	Do  string
	Err error // as it came
}

func (e *Error) Error() string { return fmt.Sprintf("%s (%v); %s", e.Why, e.Err, e.Do) }

func (e *Error) Unwrap() error { return e.Err }

// Is reports whether err is a refusal.
func Is(err error) bool {
	var e *Error
	return errors.As(err, &e)
}

// Fields are the configuration fields to which an error refers.
type Fields struct {
	CA      string // certificates that sign the server's certificate
	Cert    string // our own certificate
	Encrypt string // the field that switches encryption on or off
	Login   string // user and password
}

// Encrypted converts an error of a connection's encryption to an *Error, and returns every other error unchanged.
func Encrypted(err error, f Fields) error {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var plain tls.RecordHeaderError
	switch {
	case err == nil || Is(err):
		return err
	case errors.As(err, &unknown):
		return &Error{"its certificate is signed by an authority that this machine does not trust", "give the file with the " +
			"authority's certificate in" +
			" " +
			f.CA + "; if it is there, another server answers at this address", err}
	case errors.As(err, &name):
		return &Error{"its certificate is not for the name in its " +
			"address", "call it by " + names(name.Certificate) + ", or get a certificate for the name", err}
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return &Error{"its certificate is not valid at this time", "renew it, or set this machine's clock", err}
	case errors.As(err, &invalid):
		return &Error{"its certificate cannot be used", "have another made; " + f.CA + " is what it was checked with", err}
	case errors.As(err, &plain), strings.Contains(err.Error(), "server refused TLS connection"),
		strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return &Error{"it does not use encryption at this address", "use the port that does, or change " + f.Encrypt, err}
	case strings.Contains(err.Error(), "remote error: tls: "): // an alert (RFC 8446, 6), whose type is not exported
		return &Error{"it does not accept the certificate of ratemill, or requires " +
			"one", "set " + f.Cert + " to a certificate that its authority has signed",
			err}
	}
	return err
}

// names returns the names in a certificate.
func names(c *x509.Certificate) string {
	all := slices.Clone(c.DNSNames)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) == 0 {
		return "another name"
	}
	return strings.Join(all[:min(len(all), 5)], " or ")
}

// Login returns the error for a user whose login was refused.
func Login(err error, f Fields) error {
	return &Error{"it does not let the user in", "check user and password in " + f.Login, err}
}

// Right returns the error for a user who is logged in but lacks a right.
func Right(err error, f Fields) error {
	return &Error{"the user has no permission for this", "grant it to the user that is named in " + f.Login, err}
}
