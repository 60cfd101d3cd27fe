package project

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ratemill/account"
	"ratemill/diag"
	"ratemill/invoicing/contract"
	"ratemill/invoicing/form"
	"ratemill/invoicing/payment"
	"ratemill/invoicing/product"
	"ratemill/invoicing/terms"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/registry/life"
	"ratemill/udr"
)

// CheckRegistry reports what import would refuse or warn about in the project's registry files, such as names that
// its catalogue lacks. files is the number of files read.
func (p *Project) CheckRegistry() (list diag.List, files int) {
	var inputs []registry.Input
	for _, pattern := range registryPatterns {
		found, _ := fs.Glob(p.FS, RegistryFolder+"/"+pattern) // the pattern is right
		for _, name := range found {
			inputs = append(inputs, registry.Input{Name: name, Open: func() (io.ReadCloser, error) { return p.FS.Open(name) }})
		}
	}
	o := ImportOptions(p.Catalogue)
	if o.Catalogue != nil && p.Sources != nil {
		for _, s := range p.Sources.Sources {
			for i := 0; s.Only != nil && i < len(s.Only.Accounts); i++ {
				o.Catalogue.Named = append(o.Catalogue.Named, registry.Named{Kind: registry.NamedAccount, ID: s.Only.Accounts[i],
					Says: "source " + s.Name + " brings no usage for it"})
			}
		}
	}
	return registry.Check(inputs, o), len(inputs)
}

// Catalogue returns the catalogue of the project in a folder; nil if there is none, or if it has errors, which check
// reports.
func Catalogue(dir string) *rating.Catalogue {
	fsys := Folder(dir)
	if _, err := fs.Stat(fsys, CatalogueFolder); err != nil {
		return nil
	}
	c, _ := rating.LoadCatalogue(only{fsys, CatalogueFolder}, Kinds()...)
	return c
}

// ImportOptions returns the options that a catalogue, which may be nil, gives for the import of registry files: the
// names that the files may use, the forms of values, and the states of SIMs.
func ImportOptions(c *rating.Catalogue) registry.ImportOptions {
	in := &account.Installation{Projects: true, Resellers: true, Languages: []string{"es", "pt"}, EInvoices: form.Formats}
	entitled := func(v *registry.View, s *registry.Statements, rev registry.Revision) registry.Entitled {
		return account.EntitledAs(v, s, rev, in)
	}
	if c == nil {
		return registry.ImportOptions{Forms: append(account.Forms(in), product.OneOffForm(nil), payment.Form(), contract.Form(nil),
			settingsForm(nil)),
			Entitled: entitled}
	}
	names := &registry.Catalogue{Plans: plansToHave(c), SharePlans: c.SharePlans(), Limits: c.Limits(), Packages: c.Packages()}
	names.PlanCurrencies, names.LimitCurrencies, names.PoolPlans = c.Currencies()
	names.PlanVersions, names.LimitVersions = c.CurrencyVersions()
	names.Pools = c.Pools()
	names.Named = append(accountsIn(c), c.NamedInConditions()...)
	names.ChargeCurrencies = chargesOf(c.Life())
	names.Converts = c.Converts
	Complete(in, c)
	contracts, _ := contract.DocumentsOf(c)
	return registry.ImportOptions{Catalogue: names, State: statesOf(c.Life()), Entitled: entitled, Renews: renewsBy(c), Renewal: renewalIn(c),
		Forms: append(account.Forms(in), product.OneOffForm(TaxClasses(c)), payment.Form(), contract.Form(contracts), settingsForm(c.Life()))}
}

// TaxClasses are the tax classes of a catalogue's parts and tax tables, in order. A nil catalogue has none.
func TaxClasses(c *rating.Catalogue) []string {
	if c == nil {
		return nil
	}
	products, _ := product.DocumentsOf(c)
	tables, _ := terms.DocumentsOf(c)
	classes := append(products.TaxClasses(), tables.TaxClasses()...)
	slices.Sort(classes)
	return slices.Compact(classes)
}

// accountsIn returns the accounts to which deal prices, products and sellers of a catalogue refer.
func accountsIn(c *rating.Catalogue) (named []registry.Named) {
	add := func(id diag.Text, says string) {
		named = append(named, registry.Named{Kind: registry.NamedAccount, ID: id, Says: "nobody " + says})
	}
	for _, d := range c.Deals() {
		for _, id := range d.Named {
			add(id, "has the deal prices of plan "+d.Plan)
		}
	}
	offered := c.OfferedTo()
	for _, name := range slices.Sorted(maps.Keys(offered)) {
		for _, id := range offered[name] {
			add(id, "can buy package "+name)
		}
	}
	seen := map[[2]string]bool{}
	once := func(id diag.Text, says string) {
		if key := [2]string{id.Value, says}; !seen[key] { // versions refer to the same accounts again
			seen[key] = true
			add(id, says)
		}
	}
	products, _ := product.DocumentsOf(c)
	for _, name := range products.Products.Names() {
		for _, v := range products.Products[name] {
			for _, id := range v.For.Accounts {
				once(id, "has product "+name)
			}
		}
	}
	sellers, _ := terms.DocumentsOf(c)
	for _, s := range sellers.Sellers() {
		if s.Account.Value != "" {
			once(s.Account, "sells as "+s.Name.Value)
		}
	}
	return named
}

// plansToHave returns the plans that a SIM or an account can have. It leaves out deal prices, which replace a plan
// and cannot be assigned.
func plansToHave(c *rating.Catalogue) []string {
	return slices.DeleteFunc(c.Plans(), func(plan string) bool { return c.InPlaceOf(plan) != plan })
}

// Complete fills in the account features of an installation from a catalogue, which may be nil: documents, and the
// names of accounting groups. If there is no group, a billing profile can refer to a group that is added later.
func Complete(in *account.Installation, c *rating.Catalogue) {
	in.Documents, _ = account.DocumentsOf(c) // check reports the mistakes of these documents
	if c == nil {
		return
	}
	if documents, _ := terms.DocumentsOf(c); len(documents.Groups()) > 0 {
		in.Accounting = documents.Groups()
	}
}

// chargesOf returns the currencies of the one-time charges by settings, in the versions in force now.
func chargesOf(b *life.Book) func(settings []byte) []string {
	return func(settings []byte) []string {
		now := udr.InstantOf(time.Now())
		s, list := b.CheckSettings("settings", settings, now, time.UTC)
		if list.HasErrors() {
			return nil // they are reported with the settings
		}
		ref, err := b.Rules(s, now, time.UTC)
		if err != nil {
			return nil
		}
		rules, err := b.Resolve(ref, now, time.UTC)
		if err != nil {
			return nil
		}
		return rules.Currencies()
	}
}

// settingsForm describes how the settings for SIMs are written. If there are no lifecycles, it accepts any name.
func settingsForm(b *life.Book) registry.Form {
	fields := []registry.Field{
		{Path: "lifecycle", Required: true, Doc: "The lifecycle of the account's SIMs, or of the SIM.", Example: "standard"},
		{Path: "overrides", Map: true, Doc: "Keys of a lifecycle that differ here; each replaces that key of the lifecycle.",
			Example: "{ suspend: { max: 30 d } }"},
	}
	return registry.Form{Kind: registry.KindSettings, Fields: fields, Read: func(n *diag.Node) (value []byte, list diag.List) {
		text, err := registry.NodeJSON(n)
		if err != nil {
			list.Errorf(n.Pos, "%v", err)
			return nil, list
		}
		if b == nil {
			return text, nil
		}
		settings, list := b.ReadSettings(n, udr.InstantOf(time.Now()), time.UTC)
		return settings.Value(), list
	}}
}

// statesOf returns the states of lifecycles.
func statesOf(b *life.Book) func(settings []byte, name string, at udr.Instant, zone *time.Location) (value, after registry.StateValue,
	err error) {
	return func(settings []byte, name string, at udr.Instant, zone *time.Location) (v, after registry.StateValue, err error) {
		var s struct {
			Lifecycle string          `json:"lifecycle"`
			Overrides json.RawMessage `json:"overrides"`
		}
		if settings == nil {
			return v, after, fmt.Errorf("state %s: neither the row nor the settings of the SIM, of its account or of an account above name "+
				"a lifecycle", name)
		}
		if err := json.Unmarshal(settings, &s); err != nil {
			return v, after, err
		}
		ref, err := life.ParseRef(s.Lifecycle)
		if err != nil {
			return v, after, err
		}
		if ref.Version == "" {
			if ref, err = b.Rules(life.Settings{Lifecycle: s.Lifecycle, Overrides: string(s.Overrides)}, at, zone); err != nil {
				return v, after, err
			}
		}
		rules, err := b.Resolve(ref, at, zone)
		if err != nil {
			return v, after, err
		}
		state, ok := rules.Model.State(name)
		if !ok {
			var names []string
			for _, s := range rules.Model.States {
				names = append(names, s.Name)
			}
			return v, after, fmt.Errorf("model %s of lifecycle %s has no state %s%s; it has %s", rules.Model.Name, ref.Lifecycle, name,
				diag.Suggest(name, names),
				strings.Join(names, ", "))
		}
		v = registry.StateValue{Name: name, Core: state.Core, Lifecycle: ref.String()}
		if after = v; state.Usage == life.FirstUse && ref.Way == life.Plainly {
			ref.Way = life.AfterBilling
			after.Lifecycle = ref.String()
		}
		return v, after, nil
	}
}

var registryPatterns = []string{"*.csv", "*.yaml", "*.yml"}

// ErrNoRegistryFiles reports that folders contain no registry files.
var ErrNoRegistryFiles = errors.New("there are no registry files (*.csv, *.yaml)")

// RegistryFiles returns the given registry files, and those in the given folders.
func RegistryFiles(named ...string) ([]registry.Input, error) {
	var inputs []registry.Input
	for _, name := range named {
		info, err := os.Stat(name)
		switch {
		case err != nil:
			return nil, err
		case !info.IsDir():
			inputs = append(inputs, registry.Input{Name: name, Open: func() (io.ReadCloser, error) { return os.Open(name) }})
			continue
		}
		found, err := registryFolder(name)
		if err != nil {
			return nil, err
		}
		inputs = append(inputs, found...)
	}
	if len(inputs) == 0 {
		return nil, fmt.Errorf("%w in %s", ErrNoRegistryFiles, strings.Join(named, ", "))
	}
	return inputs, nil
}

// registryFolder returns the registry files in a folder. Symbolic links may lead to other files of the folder; links in
// the registry/ of a project may also lead to other files of the project.
func registryFolder(name string) (inputs []registry.Input, err error) {
	root, below := name, "."
	if filepath.Base(name) == RegistryFolder {
		root, below = filepath.Dir(filepath.Clean(name)), RegistryFolder
	}
	entries, err := fs.ReadDir(Folder(root), below)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !slices.ContainsFunc(registryPatterns, func(pattern string) bool { ok, _ := path.Match(pattern, e.Name()); return ok }) {
			continue
		}
		inputs = append(inputs, registry.Input{Name: filepath.Join(name, e.Name()), Open: func() (io.ReadCloser, error) {
			return Folder(root).Open(path.Join(below, e.Name()))
		}})
	}
	return inputs, nil
}

// renewsBy checks packages that renew: as ratemill package buy does, it refuses what rating and invoicing could not follow.
func renewsBy(c *rating.Catalogue) func(b *registry.Bought, zone *time.Location, payer, currency string) error {
	return func(b *registry.Bought, zone *time.Location, payer, currency string) error {
		p, ok := c.Package(rating.PackageOf(b.Name), b.Since, zone)
		if !ok {
			return nil // other checks tell
		}
		if b.Renewal == registry.OnExpiry && p.OnUse {
			return fmt.Errorf("package %s begins with its first use, so it cannot renew on expiry; write on_use_up or never", p.Name)
		}
		price, its, err := p.RenewalPrice(b)
		if err != nil || price.IsZero() || its == currency {
			return err
		}
		return fmt.Errorf("package %s would renew for %s %s, but account %s pays in %s; write the price of a renewal in "+
			"that currency (price, currency)",
			p.Name, price, its, payer, currency)
	}
}

// renewalIn returns the renewal of a package in a catalogue, for purchases without one.
func renewalIn(c *rating.Catalogue) func(b *registry.Bought, zone *time.Location) string {
	return func(b *registry.Bought, zone *time.Location) string {
		p, ok := c.Package(rating.PackageOf(b.Name), b.Since, zone)
		if !ok {
			return "" // other checks tell
		}
		return p.Renewal()
	}
}
