package testengine

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority signs certificates for the engines of a test, and for clients that log in with a certificate.
type Authority struct {
	CAFile string // PEM

	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Certificate is a certificate and its key, in files.
type Certificate struct {
	CertFile, KeyFile string
	cert, key         []byte // PEM
}

// NewAuthority returns an authority that no system trusts yet.
func NewAuthority(t testing.TB) *Authority { return newAuthority(scope{t: t}) }

func newAuthority(s scope) *Authority {
	s.t.Helper()
	a := &Authority{dir: tempDir(s, "certificates")}
	a.CAFile = filepath.Join(a.dir, "ca.pem")
	var text []byte
	a.cert, a.key, text = a.sign(s.t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "an authority of tests"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	write(s.t, a.CAFile, text)
	return a
}

// Issue returns a certificate for names and addresses of a host, for servers and clients.
func (a *Authority) Issue(t testing.TB, name string, hosts ...string) Certificate {
	t.Helper()
	return a.issue(t, name, time.Now().Add(24*time.Hour), hosts)
}

// IssueExpired returns a certificate that expired yesterday.
func (a *Authority) IssueExpired(t testing.TB, name string, hosts ...string) Certificate {
	t.Helper()
	return a.issue(t, name, time.Now().Add(-24*time.Hour), hosts)
}

func (a *Authority) issue(t testing.TB, name string, until time.Time, hosts []string) Certificate {
	t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, KeyUsage: x509.KeyUsageDigitalSignature, NotAfter: until,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	_, key, text := a.sign(t, template)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	c := Certificate{
		CertFile: filepath.Join(a.dir, name+".pem"), KeyFile: filepath.Join(a.dir, name+".key"),
		cert: text, key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
	}
	write(t, c.CertFile, c.cert)
	write(t, c.KeyFile, c.key)
	return c
}

// sign signs a certificate with the authority's key, or with the certificate's own key if there is
// no authority yet.
func (a *Authority) sign(t testing.TB, c *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if c.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
		t.Fatal(err)
	}
	c.NotBefore = time.Now().Add(-48 * time.Hour)
	if c.NotAfter.IsZero() {
		c.NotAfter = time.Now().Add(24 * time.Hour)
	}
	parent, by := a.cert, a.key
	if parent == nil {
		parent, by = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), by)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func write(t testing.TB, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
