package rating

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"

	"ratemill/diag"
	"ratemill/literal"
	"ratemill/registry"
	"ratemill/registry/life"
	"ratemill/rules"
	"ratemill/udr"
)

// Catalogue is a set of plans, zone models, share plans and limits, compiled for pricing. It never changes; engines
// share it.
type Catalogue struct {
	version string
	bundle  []byte

	models    families[zoneModel]
	plans     families[plan]
	deals     []deal
	said      said // documents for comparisons with other catalogues
	shares    families[share]
	limits    families[limit]
	blocks    bool // at least one limit blocks usage
	anomalies families[anomaly]
	packages  families[pack]
	addons    families[pack]
	life      *life.Book
	owns      families[own]
	rates     families[rates]

	conditions *rules.Language // of prices

	conditionNames map[string]registry.NamedKind // by word: the word's values are ids of this kind
	fills          []func(*answer)               // for each slot, a function that sets the value of a word in conditions
	timeZones      map[string]*time.Location     // by country, for slices that follow the country's clock
	readsMore      bool                          // conditions read fields that rating does not read otherwise

	foreign    map[string]*foreign // documents of other packages, by the key of their kind
	lateBounds []lateBounds        // documents that bound late usage; nil: there are none
	rolled     int                 // largest number of later cycles in which units of a cycle can be drawn

	dates   []int32          // documents that bound late usage; nil if there are none
	classes map[string]int32 // usage classes by number
	names   []string         // of classes
	units   []udr.Unit       // by class
	zones   map[string]int32 // names of zones in all models
	ids     map[uint64]string
	points  map[uint64]*point // of volume prices

	participation bool // at least one share plan is activated by participation
	prioritised   bool // at least one share plan has a priority
	above         bool // the buckets of at least one share plan belong to an account above the one that has the plan
	credits       bool // at least one class of a plan allows negative quantities
}

// family is the versions of one name, oldest first.
type family[T any] struct {
	name     string
	versions []*T
	since    []since
	dates    []int32 // index of the version's date in Catalogue.dates; -1 for none
	mixed    bool    // some versions begin on a local date and others at an instant, so their order depends on the time zone
	only     *T      // the version that is always in force, if it is the only one
}

type families[T any] struct {
	list  []*family[T]
	index map[string]int32
}

func (f *families[T]) find(name string) (int32, bool) {
	i, ok := f.index[name]
	return i, ok
}

func (f *families[T]) names() []string {
	var names []string
	for _, x := range f.list {
		names = append(names, x.name)
	}
	slices.Sort(names)
	return names
}

func (f *families[T]) add(name string) *family[T] {
	if i, ok := f.index[name]; ok {
		return f.list[i]
	}
	if f.index == nil {
		f.index = map[string]int32{}
	}
	x := &family[T]{name: name}
	f.index[name] = int32(len(f.list))
	f.list = append(f.list, x)
	return x
}

// at returns the version in force at an instant by a clock, its number (from 1) and its start; nil if none is in
// force yet.
func (f *family[T]) at(k *zoneClock, at udr.Instant) (version *T, number int, from udr.Instant) {
	if f.only != nil {
		return f.only, 1, 0
	}
	return f.ofSeveral(k, at)
}

// ofSeveral does the same as at for a family with several versions, or with one that begins at a certain time.
func (f *family[T]) ofSeveral(k *zoneClock, at udr.Instant) (version *T, number int, from udr.Instant) {
	if f.mixed {
		return f.newest(k, at)
	}
	for i := len(f.versions) - 1; i >= 0; i-- {
		switch s := &f.since[i]; s.Kind {
		case literal.Always:
			return f.versions[i], i + 1, 0
		case literal.AtInstant:
			from = s.At
		case literal.OnDay:
			from = k.starts[f.dates[i]]
		}
		if from <= at {
			return f.versions[i], i + 1, from
		}
	}
	return nil, 0, 0
}

// newest does the same as at without assuming an order of the versions. It returns the version in force
// that began last. If two versions begin at the same time in a zone, it returns the one that begins at
// an instant.
func (f *family[T]) newest(k *zoneClock, at udr.Instant) (version *T, number int, from udr.Instant) {
	for i, s := range f.since {
		begins := udr.Instant(0) // result of at for a version that is always in force
		switch s.Kind {
		case literal.AtInstant:
			begins = s.At
		case literal.OnDay:
			begins = k.starts[f.dates[i]]
		}
		later := version == nil || begins > from || begins == from && s.Kind == literal.AtInstant
		if s.Kind == literal.Always || begins <= at && later {
			version, number, from = f.versions[i], i+1, begins
		}
	}
	return version, number, from
}

// Bounds of a catalogue.
const (
	maxDocuments = 20_000
	maxBundle    = 256 << 20
)

type file struct {
	name string
	text []byte
}

// Classes are the usage classes that records can have, as the project's rules declare them.
type Classes struct {
	Names  []string
	Units  map[string]udr.Unit
	Others bool // records may have other classes, so a class missing in Names is only a warning
}

// LoadCatalogue reads all YAML documents (*.yaml, *.yml) below fsys, both rating's own and those of the given kinds.
// It returns all errors and warnings; the catalogue is nil if there are errors.
func LoadCatalogue(fsys fs.FS, kinds ...Kind) (*Catalogue, diag.List) {
	return LoadCatalogueFor(fsys, nil, kinds...)
}

// LoadCatalogueFor is like LoadCatalogue, but plans may price only the given classes; nil allows any class.
func LoadCatalogueFor(fsys fs.FS, classes *Classes, kinds ...Kind) (*Catalogue, diag.List) {
	var files []file
	var tables, unread []string
	var l diag.List
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := walked(fsys, name, d); err != nil {
			return err
		}
		if !d.IsDir() && path.Ext(name) == ".csv" {
			tables = append(tables, name)
		}
		if !d.IsDir() && !isDocument(name) && isDocument(strings.ToLower(name)) {
			unread = append(unread, name)
		}
		if d.IsDir() || !isDocument(name) {
			return nil
		}
		if len(files) == maxDocuments {
			return fmt.Errorf("the catalogue has more than %d documents", maxDocuments)
		}
		if err := regular(fsys, name); err != nil {
			return err
		}
		text, err := fs.ReadFile(fsys, name)
		files = append(files, file{name, text})
		return err
	})
	if err != nil {
		l.Errorf(diag.Pos{}, "the catalogue cannot be read: %v", err)
		return nil, l
	}
	c, l := load(files, &compiler{declared: classes, kinds: kinds, file: projectFile(fsys), tables: tables})
	for _, name := range unread {
		l.Warnf(diag.Pos{File: diag.NewFile(name, nil)}, "this file is not read; the names of documents end in .yaml")
	}
	return c, l
}

func load(files []file, c *compiler) (*Catalogue, diag.List) {
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	c.Catalogue = &Catalogue{
		classes: map[string]int32{}, zones: map[string]int32{}, ids: map[uint64]string{},
	}
	c.foreign = make(map[string]*foreign, len(c.kinds))
	for _, k := range c.kinds {
		c.foreign[k.Name] = &foreign{}
	}
	for _, f := range files {
		c.read(f)
	}
	lists := c.readLists()
	c.unnamedLists(c.tables, lists)
	files = append(files, lists...)
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	c.bundle = bundle(files)
	sum := sha256.Sum256(c.bundle)
	c.version = hex.EncodeToString(sum[:16])
	c.compile()
	c.list.Sort()
	if c.list.HasErrors() {
		return nil, c.list
	}
	return c.Catalogue, c.list
}

// Version returns a hash of the bundle: 32 hex digits.
func (c *Catalogue) Version() string { return c.version }

// Bundle returns the catalogue's documents as canonical bytes.
func (c *Catalogue) Bundle() []byte { return c.bundle }

// Plans returns the sorted names of the price plans.
func (c *Catalogue) Plans() []string { return c.plans.names() }

// PlanFrom returns the date from which a version of a plan is in force; 0 if it is always in force or does not
// exist. Versions count from 1. For a version that begins at an instant, it is the date in UTC.
func (c *Catalogue) PlanFrom(name string, version uint32) registry.Date {
	n, ok := c.plans.find(name)
	if !ok || version == 0 || int(version) > len(c.plans.list[n].since) {
		return 0
	}
	switch s := c.plans.list[n].since[version-1]; s.Kind {
	case literal.OnDay:
		return registry.Date(s.Day)
	case literal.AtInstant:
		return registry.Date(registry.LocalDate(time.UTC, s.At))
	}
	return 0
}

// SharePlans returns the sorted names of the share plans.
func (c *Catalogue) SharePlans() []string { return c.shares.names() }

// Limits returns the sorted names of the limits.
func (c *Catalogue) Limits() []string { return c.limits.names() }

// ClassUnits returns the units of the usage classes that plans price; literal.AnyUnit if no price defines one.
func (c *Catalogue) ClassUnits() map[string]udr.Unit {
	units := make(map[string]udr.Unit, len(c.names))
	for n, name := range c.names {
		units[name] = c.units[n]
	}
	return units
}

// compiler turns documents into a Catalogue.
type compiler struct {
	*Catalogue
	list         diag.List
	modelDocs    []*zoneModelDoc
	planDocs     []*planDoc
	shareDocs    []*shareDoc
	limitDocs    []*limitDoc
	anomalyDocs  []*anomalyDoc
	packageDocs  []*packageDoc
	addonDocs    []*addonDoc
	lifeDocs     []any
	ownDocs      []*ownDoc
	calendarDocs []*calendarDoc
	timeZoneDocs []*timeZonesDoc
	ratesDocs    []*ratesDoc
	calendars    map[string]*calendar
	pending      []pendingWhen

	unitAt map[string]diag.Pos // the position in the documents that gave a class its unit

	kinds    []Kind   // kinds of documents that rating does not own
	stored   bool     // the documents come from a bundle, which was valid when it was stored
	declared *Classes // nil for any

	file   func(name string) ([]byte, error) // reads a price list
	tables []string                          // CSV files in the catalogue
}

func (c *compiler) read(f file) {
	n, l := diag.Parse(f.name, f.text)
	c.list = append(c.list, l...)
	if n == nil || !c.stored && c.misnamed(n) {
		return
	}
	for _, m := range n.Members {
		if c.readOwn(n, m.Key.Text) || c.readForeign(n, m.Key.Text) {
			return
		}
	}
	keys := c.keys()
	hint := ""
	for _, m := range n.Members {
		if hint = diag.Suggest(m.Key.Text, keys); hint != "" {
			break
		}
	}
	c.list.Errorf(n.Pos, "this document has none of the keys %s, so it is not a catalogue document%s", strings.Join(keys, ", "), hint)
}

// keys identify the documents of a catalogue.
func (c *compiler) keys() (keys []string) {
	for _, d := range documents {
		keys = append(keys, d.Name)
	}
	for _, k := range c.kinds {
		keys = append(keys, k.Name)
	}
	return keys
}

// readOwn decodes a document of rating, if the key identifies one.
func (c *compiler) readOwn(n *diag.Node, key string) bool {
	for _, kind := range documents {
		if kind.Name != key {
			continue
		}
		doc := kind.New()
		d := &diag.Decoder{}
		d.Decode(n, doc)
		c.list = append(c.list, d.List...)
		c.warnTwice(n)
		c.refuseEmpty(n)
		switch doc := doc.(type) {
		case *zoneModelDoc:
			c.modelDocs = append(c.modelDocs, doc)
		case *planDoc:
			c.planDocs = append(c.planDocs, doc)
		case *shareDoc:
			c.shareDocs = append(c.shareDocs, doc)
		case *limitDoc:
			c.limitDocs = append(c.limitDocs, doc)
		case *calendarDoc:
			c.calendarDocs = append(c.calendarDocs, doc)
		case *timeZonesDoc:
			c.timeZoneDocs = append(c.timeZoneDocs, doc)
		case *ratesDoc:
			c.ratesDocs = append(c.ratesDocs, doc)
		case *ownDoc:
			c.ownDocs = append(c.ownDocs, doc)
		case *anomalyDoc:
			c.anomalyDocs = append(c.anomalyDocs, doc)
		case *packageDoc:
			c.packageDocs = append(c.packageDocs, doc)
		case *addonDoc:
			c.addonDocs = append(c.addonDocs, doc)
		default:
			c.lifeDocs = append(c.lifeDocs, doc)
		}
		return true
	}
	return false
}

func (c *compiler) compile() {
	c.unitAt = map[string]diag.Pos{}
	c.compileOwn()
	c.compileCalendars()
	c.compileTimeZones()
	c.compileRates()
	c.compileModels()
	c.extend()
	c.keepSaid()
	c.compilePlans()
	c.compileShares()
	c.compileLimits()
	c.compilePackages()
	for _, f := range c.plans.list {
		c.markIncrements(f)
	}
	for i, f := range c.plans.list {
		c.keepSessions(f, c.withDeals(int32(i)))
	}
	c.compileAnomalies()
	c.followNames()
	c.setThresholds()
	c.setSpends()
	c.setPoints()
	c.namePasses()
	c.nameStages()
	c.compareVersions()
	c.warnUnknown()
	c.compileLife()
	c.checkIncludedIn()
	c.compileConditions()
	c.checkContributesIn()
	c.markPlain()
	setDates(c.Catalogue, &c.models)
	setDates(c.Catalogue, &c.plans)
	setDates(c.Catalogue, &c.shares)
	setDates(c.Catalogue, &c.limits)
	setDates(c.Catalogue, &c.anomalies)
	setDates(c.Catalogue, &c.owns)
	setDates(c.Catalogue, &c.packages)
	setDates(c.Catalogue, &c.addons)
	c.compileForeign()
}

func setDates[T any](c *Catalogue, f *families[T]) {
	for _, x := range f.list {
		if len(x.versions) == 1 && x.since[0].Kind == literal.Always {
			x.only = x.versions[0]
		}
		days := slices.ContainsFunc(x.since, func(s since) bool { return s.Kind == literal.OnDay })
		x.mixed = days && slices.ContainsFunc(x.since, func(s since) bool { return s.Kind == literal.AtInstant })
		for _, s := range x.since {
			date := int32(-1)
			if s.Kind == literal.OnDay {
				i := slices.Index(c.dates, s.Day)
				if i < 0 {
					i = len(c.dates)
					c.dates = append(c.dates, s.Day)
				}
				date = int32(i)
			}
			x.dates = append(x.dates, date)
		}
	}
}

// joinable refuses a name that contains a slash. Names of counters and events join plan, share plan or class and the
// rest with a slash, so plan a with bucket b/c and plan a/b with bucket c would share a counter. The last part, a
// bucket or a price, may contain slashes.
func (c *compiler) joinable(kind string, name diag.Text) {
	if strings.Contains(name.Value, "/") {
		c.refuse(name.Pos, "the name of a %s must not contain a slash, since counters and events are named PLAN/BUCKET and "+
			"PLAN/CLASS/PRICE; write %s",
			kind, strings.ReplaceAll(name.Value, "/", "_"))
	}
}

// versioned records a version of a document; two versions that begin at the same time are an error.
func versioned[T any](c *compiler, f *families[T], kind string, name diag.Text, s since, v *T) {
	if name.Value == "" {
		c.list.Errorf(name.Pos, "a %s needs a name", kind)
		return
	}
	x := f.add(name.Value)
	at, same := slices.BinarySearchFunc(x.since, s, func(a, b since) int { return cmp.Compare(a.Order(), b.Order()) })
	if same {
		when := "is always in force"
		if s.Kind != literal.Always {
			when = "begins on " + s.Text
		}
		c.list.Errorf(name.Pos, "%s %s %s twice; give each version a different from", kind, name.Value, when)
		return
	}
	x.versions = slices.Insert(x.versions, at, v)
	x.since = slices.Insert(x.since, at, s)
}

// id returns the counter id of a name. A 64-bit hash distinguishes names; id reports a collision, because it would
// mix up counters.
func (c *compiler) id(at diag.Pos, name string) uint64 {
	id := hashName(name)
	if other, ok := c.ids[id]; ok && other != name {
		c.list.Errorf(at, "the names %q and %q have the same hash, so their counters would be mixed up; rename one", name, other)
	}
	c.ids[id] = name
	return id
}

func hashName(name string) uint64 { return max(xxhash.Sum64String(name), 1) }

// declaredClass reports a class that no record can have. Its prices would never apply, and the records
// that they are meant for would be suspended.
func (c *compiler) declaredClass(name diag.Text) {
	switch {
	case name.Value == Registration:
		c.refuse(name.Pos, "registrations are free of charge, so a plan has no prices for them; an anomaly counts them")
	case c.declared == nil || slices.Contains(c.declared.Names, name.Value):
	case c.declared.Others:
		c.list.Warnf(name.Pos, "unknown usage class %s%s", name.Value, orKnown(name.Value, c.declared.Names))
	default:
		c.list.Errorf(name.Pos, "unknown usage class %s%s", name.Value, orKnown(name.Value, c.declared.Names))
	}
}

// class returns the number of a usage class, and sets its unit if unit is given.
func (c *compiler) class(name diag.Text, unit udr.Unit) int32 {
	n, ok := c.classes[name.Value]
	if !ok {
		n = int32(len(c.units))
		c.classes[name.Value] = n
		c.units, c.names = append(c.units, literal.AnyUnit), append(c.names, name.Value)
	}
	switch {
	case unit == literal.AnyUnit:
	case c.units[n] == literal.AnyUnit:
		c.units[n] = unit
		c.unitAt[name.Value] = name.Pos
	case c.units[n] != unit:
		c.list.Errorf(name.Pos, "class %s counts %s here, but %s at %s", name.Value, literal.UnitName(unit),
			literal.UnitName(c.units[n]), c.unitAt[name.Value])
	}
	return n
}

func (c *compiler) zone(name string) int32 {
	n, ok := c.zones[name]
	if !ok {
		n = int32(len(c.zones))
		c.zones[name] = n
	}
	return n
}

func (c *compiler) compileModels() {
	for _, doc := range c.modelDocs {
		m := &zoneModel{name: doc.Name.Value, at: doc.Name.Pos, since: doc.From, firstWins: doc.First == "wins", anyPeer: newPlaces()}
		seen := map[string]bool{}
		for _, z := range doc.Zones {
			if seen[z.Zone.Value] || z.Zone.Value == "" {
				c.list.Errorf(z.Zone.Pos, "zone %q is already in model %s, or has no name; each zone needs its own name", z.Zone.Value,
					m.name)
				continue
			}
			seen[z.Zone.Value] = true
			c.refersToOwn(&z.Where)
			m.addZone(zone{name: z.Zone.Value, where: z.Where}, z.Zone.Pos, &c.list, c.stored)
		}
		versioned(c, &c.models, "zone model", doc.Name, doc.From, m)
	}
	// Zone names are numbered over all versions, so a plan's prices do not depend on which version is in force.
	for _, f := range c.models.list {
		c.number(f)
	}
}

func (c *compiler) number(f *family[zoneModel]) (names int) {
	local := map[string]int32{}
	for _, m := range f.versions {
		for i := range m.zones {
			z := &m.zones[i]
			n, ok := local[z.name]
			if !ok {
				n = int32(len(local))
				local[z.name] = n
			}
			z.local, z.global = n, c.zone(z.name)
		}
	}
	return len(local)
}
