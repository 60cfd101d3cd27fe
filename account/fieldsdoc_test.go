package account_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/account"
	"ratemill/registry"
)

// The page of fields is made of the tags that declare them.
func TestThePageOfFieldsOfAccountsIsThatOfTheDeclarations(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Fields of accounts and companies\n\n[All pages](README.md)\n\n" +
		"<!-- Generated: go test ./account -run Page -rewrite -->\n\n" +
		"What `ratemill account set`, and the files of `ratemill import`, can state. [accounts.md](accounts.md) shows how. Fields within " +
		"others are named by their path, in YAML they stand within each other. **Bold** fields are required.\n")
	for _, kind := range []struct {
		name, words string
		value       any
	}{
		{"company", "A company owns accounts.", account.Company{}},
		{"project", "A project is a part of a company's business that has its own accounts; where they are enabled.", account.Project{}},
		{"profile", "The billing profile of an account that pays. An account without a profile uses that of its payer. Before an account " +
			"becomes new it needs " + missing() + ".", account.Profile{}},
		{"details", "Details of an account that have no effect on money.", account.Details{}},
		{"contact", "A person of an account or a company, by a name such as billing.", account.Contact{}},
		{"address", "An address of an account or a company, by a name such as warehouse.", account.Shipping{}},
		{"resource", "How a resource is assigned to an account, by KIND/NAME.", account.Resource{}},
		{"group", "A group of an account's SIMs.", account.Group{}},
		{"addon", "An add-on of an account or a SIM, by NAME/INSTANCE.", account.Addon{}},
		{"setting", "The resource of one kind that a SIM has, by the kind.", account.Setting{}},
	} {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| field | values | meaning |\n| --- | --- | --- |\n", kind.name, kind.words)
		for _, f := range registry.FieldsOf(kind.value) {
			path := f.Path
			if f.Map {
				path += ".NAME"
			}
			if path = "`" + path + "`"; f.Required {
				path = "**" + path + "**"
			}
			meaning := f.Doc
			if f.Example != "" {
				meaning += " Example: `" + f.Example + "`"
			}
			require.NotEmpty(t, f.Doc, "%s.%s", kind.name, f.Path)
			values := strings.Join(f.Enum, ", ")
			if f.Default != "" {
				values += " (default " + f.Default + ")"
			}
			fmt.Fprintf(&b, "| %s | %s | %s |\n", path, strings.TrimSpace(values), strings.ReplaceAll(meaning, "|", `\|`))
		}
	}
	const page = "../docs/account-fields.md"
	if *rewrite {
		require.NoError(t, os.WriteFile(page, []byte(b.String()), 0o644))
	}
	now, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Equal(t, b.String(), string(now), "run with -rewrite and read the diff")
}

func missing() string {
	var words []string
	for _, field := range (&account.Profile{}).Missing() {
		words = append(words, "`"+field+"`")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
