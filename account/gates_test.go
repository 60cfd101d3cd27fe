package account_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"ratemill/account"
)

// TestGates runs the cases of testdata/gates: an account with its resources and values, and the gates that it does not meet.
func TestGates(t *testing.T) {
	goldens(t, "gates", func(t *testing.T, archive *txtar.Archive) (files []txtar.File) {
		in, wrong := installation(t, archive)
		require.Empty(t, wrong)
		s := &account.Standing{Account: "acme"}
		for _, f := range archive.Files {
			switch {
			case f.Name == "unmet":
				continue
			case f.Name == "levels":
				s.Given = parseLevels(t, string(f.Data))
				s.Account, s.Sub = s.Given[0].Account, len(s.Given) > 1
			case f.Name == "installation":
				in.Contracts = strings.Contains(string(f.Data), "contracts")
			case f.Name == "contract":
				s.Contract = &account.Contract{}
				for line := range strings.Lines(string(f.Data)) {
					of, name, _ := strings.Cut(strings.TrimSpace(line), " ")
					if of == "network" {
						s.Contract.Network = append(s.Contract.Network, name)
					} else {
						s.Contract.Product = append(s.Contract.Product, name)
					}
				}
			case f.Name == "profile.yaml":
				v, list := account.Read[account.Profile](f.Name, f.Data, in)
				require.Empty(t, list)
				s.Profile = &v
			case f.Name == "details.yaml":
				v, list := account.Read[account.Details](f.Name, f.Data, in)
				require.Empty(t, list)
				s.Details = &v
			case f.Name == "contacts":
				s.Contacts = strings.Fields(string(f.Data))
			}
			files = append(files, f)
		}
		out := "ready\n"
		if unmet := in.Documents.Onboarding("", 0).Unmet(s, in); len(unmet) > 0 {
			out = ""
			for _, u := range unmet {
				out += fmt.Sprintf("%s: %s\n", u.Gate, u.Why)
			}
		}
		return append(files, txtar.File{Name: "unmet", Data: []byte(out)})
	})
}
