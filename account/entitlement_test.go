package account_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"ratemill/account"
	"ratemill/internal/proof/seeds"
)

// TestEntitlements runs the cases of testdata/entitlements. levels are accounts from one up to its root, each with its resources; ask
// are questions "who KIND/NAME", whose answers follow; assign are resources that are to be assigned to the first account.
func TestEntitlements(t *testing.T) {
	goldens(t, "entitlements", func(t *testing.T, archive *txtar.Archive) (files []txtar.File) {
		in, wrong := installation(t, archive)
		require.Empty(t, wrong)
		var given account.Given
		for _, f := range archive.Files {
			switch {
			case f.Name == "levels":
				given = parseLevels(t, string(f.Data))
			case f.Name == "answers" || f.Name == "assigned":
				continue
			}
			files = append(files, f)
			out := ""
			for line := range strings.Lines(string(f.Data)) {
				words := strings.Fields(line)
				switch f.Name {
				case "ask":
					name, ok := account.ParseResourceName(words[1])
					require.True(t, ok, line)
					out += answer(given.Entitled(parseActor(words[0]), name))
				case "assign":
					name, ok := account.ParseResourceName(words[0])
					require.True(t, ok, line)
					wrong := given.Assign(name, parseResource(t, words[1:]), in.Documents)
					if len(wrong) == 0 {
						out += "yes\n"
					}
					for _, err := range wrong {
						out += answer(err)
					}
				}
			}
			if name := map[string]string{"ask": "answers", "assign": "assigned"}[f.Name]; name != "" {
				files = append(files, txtar.File{Name: name, Data: []byte(out)})
			}
		}
		return files
	})
}

func answer(err error) string {
	if err != nil {
		return err.Error() + "\n"
	}
	return "yes\n"
}

func parseActor(word string) account.Actor {
	switch id, reseller := strings.CutPrefix(word, "reseller:"); {
	case word == "provider":
		return account.Actor{}
	default:
		return account.Actor{Account: id, Reseller: reseller}
	}
}

func parseResource(t *testing.T, words []string) (r account.Resource) {
	for _, word := range words {
		switch word {
		case "default":
			r.Default = true
		case "inactive":
			r.Inactive = true
		case "open":
			r.Access = account.OpenToAccount
		default:
			t.Fatalf("%q", word)
		}
	}
	return r
}

func parseLevels(t *testing.T, text string) (given account.Given) {
	for line := range strings.Lines(text) {
		id, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		l := account.Level{Account: id, Resources: map[account.ResourceName]account.Resource{}}
		for resource := range strings.SplitSeq(rest, ",") {
			words := strings.Fields(resource)
			if len(words) == 0 {
				continue
			}
			name, ok := account.ParseResourceName(words[0])
			require.True(t, ok, words)
			l.Resources[name] = parseResource(t, words[1:])
		}
		given = append(given, l)
	}
	return given
}

// Whatever is assigned: a sub-account has a subset of what its parent has, users of an account may choose a subset of what the provider
// may, and a default can be used.
func TestASubAccountHasASubset(t *testing.T) {
	for seed := range seeds.Each(t, 1500, 1500) {
		r := rand.New(rand.NewPCG(seed, 3))
		var given account.Given
		for i := range 1 + r.IntN(4) {
			l := account.Level{Account: fmt.Sprint("a", i), Resources: map[account.ResourceName]account.Resource{}}
			for range r.IntN(4) {
				name := account.ResourceName{Kind: account.PricePlan, Name: string(rune('p' + r.IntN(4)))}
				l.Resources[name] = account.Resource{Inactive: r.IntN(4) == 0, Default: r.IntN(3) == 0,
					Access: []string{"provider", account.OpenToAccount}[r.IntN(2)]}
			}
			given = append(given, l)
		}
		for i := range given {
			below, above := given[i:], given[min(i+1, len(given)-1):]
			for _, name := range below.Names(account.PricePlan) {
				if !above.Restricted(account.PricePlan) {
					break // whatever there is
				}
				require.Contains(t, above.Names(account.PricePlan), name, "seed %d", seed)
			}
			for _, name := range []string{"p", "q", "r", "s"} {
				n := account.ResourceName{Kind: account.PricePlan, Name: name}
				provider := below.Entitled(account.Actor{}, n) == nil
				own := below.Entitled(account.Actor{Account: below[0].Account}, n) == nil
				require.True(t, provider || !own, "seed %d", seed)
				for j := i; j < len(given); j++ {
					reseller := below.Entitled(account.Actor{Account: given[j].Account, Reseller: true}, n) == nil
					require.True(t, provider || !reseller, "seed %d", seed)
					require.True(t, reseller || !own, "seed %d: a reseller may what its customer may", seed)
				}
				require.Equal(t, provider, !below.Restricted(account.PricePlan) || slices.Contains(below.Names(account.PricePlan), name))
			}
			for _, name := range below.Defaults(account.PricePlan) {
				require.Contains(t, below.Names(account.PricePlan), name)
			}
		}
	}
}
