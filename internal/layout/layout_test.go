package layout

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// pure are the packages that compute: values in, values out.
var pure = []string{"decimal", "udr", "diag", "csvfile", "printable", "literal", "normalize", "rules", "registry", "rating"}

// domains are the packages that turn charges and facts into effects: balances, states of SIMs, invoices.
var domains = []string{"account", "simstate", "invoicing"}

// boundary is a rule about the imports of some packages and all below them. Tests may import what they need.
type boundary struct {
	of      []string
	outside []string // not of these
	never   []string // what they do not import
	but     []string // parts of it that they do import
	because string
}

const oneChangeSet = "what happens to accounts, SIMs and invoices together is one change set of the registry, made by registry/life"

var boundaries = []boundary{
	{
		of: pure, never: []string{"internal", "mediation", "account", "simstate", "invoicing", "demo", "cmd"},
		because: "it has no clock, no goroutine and no engine: equal input gives equal output, so that a naive model can check it and " +
			"rate, test and check need no installation. Pass in what it needs as a value, or move the caller's part to internal/",
	},
	{
		of: domains, never: []string{"internal", "mediation"},
		but: []string{"internal/consumer", "internal/metric", "internal/ratedlog", "internal/safeguard", "internal/store"},
		because: "it reads the rated log by internal/consumer, keeps its state by internal/store in the transaction of its position, " +
			"declares its metrics by internal/metric, names its protective steps by internal/safeguard, and takes facts from registry and rating. " +
			"What it asks of another engine it asks by its own interface, which internal/roles fulfils",
	},
	{of: []string{"account"}, never: []string{"simstate", "invoicing"}, because: oneChangeSet},
	{of: []string{"simstate"}, never: []string{"account", "invoicing"}, because: oneChangeSet},
	{of: []string{"invoicing"}, never: []string{"account", "simstate"}, because: oneChangeSet},
	{
		of: []string{"internal/api"}, never: append([]string{"internal", "mediation"}, domains...),
		but: []string{"internal/backoffice"},
		because: "the API answers the same questions as the command line, by the same functions: those of internal/backoffice. A question " +
			"that is missing there belongs there",
	},
	{
		of: []string{"internal/backoffice"}, never: []string{"cmd", "internal/api", "internal/roles", "internal/output", "internal/progress"},
		because: "it answers people and programs alike: it prints nothing, and whoever asks gives it the engines that are open. Tests of " +
			"internal/roles ask it",
	},
	{
		of: []string{"."}, outside: []string{"internal/proof"}, never: []string{"internal/proof"},
		because: "internal/proof breaks the product to test it, and nothing of it is in the binary. A fault is simulated around an " +
			"interface, not by a hook in the product",
	},
}

// manyDomains lists the packages that may import more than one domain. Most of them combine domains into a program;
// internal/golden combines them into a small installation for each case.
var manyDomains = []string{"cmd", "internal/roles", "internal/backoffice", "internal/golden", "internal/project", "internal/proof"}

func TestPackagesImportWhatTheirPlaceAllows(t *testing.T) {
	for from, imports := range tree(t).imports {
		for _, b := range boundaries {
			if !in(from, b.of) || in(from, b.outside) {
				continue
			}
			for to, file := range imports {
				if in(to, b.never) && !in(to, b.but) {
					t.Errorf("%s: %s does not import %s: %s.", file, from, to, b.because)
				}
			}
		}
		if in(from, manyDomains) || in(from, domains) {
			continue
		}
		var known []string
		for to := range imports {
			if in(to, domains) {
				domain, _, _ := strings.Cut(to, "/")
				known = append(known, domain)
			}
		}
		slices.Sort(known)
		if known = slices.Compact(known); len(known) > 1 {
			t.Errorf("%s imports %s: only %s know of more than one of them, so that each can be read, changed and left out by itself.",
				from, strings.Join(known, " and "), strings.Join(manyDomains, ", "))
		}
	}
}

// A reader sees a function on two screens, and finds a topic by the name of its file.
const (
	longestFunction = 100
	longestFile     = 600
)

func TestFilesAndFunctionsAreShort(t *testing.T) {
	for _, l := range tree(t).long {
		t.Error(l)
	}
}

// A comment that sends its reader to a file names it as it is: beside the comment, or by its path from the root.
func TestCommentsNameFilesThatExist(t *testing.T) {
	s := tree(t)
	for _, n := range s.named {
		if !s.files[n.file] && !s.files[path.Join(path.Dir(n.from), n.file)] {
			t.Errorf("%s: a comment names %s, and there is no such file here or below the root", n.from, n.file)
		}
	}
	require.NotEmpty(t, s.named)
}

// sources are what the tests look at.
type sources struct {
	imports map[string]map[string]string // by package and imported package, with a file that does it; without tests
	long    []string
	files   map[string]bool // by path from the root
	named   []named
}

// named is a file that a comment names.
type named struct{ from, file string }

var goFile = regexp.MustCompile(`[a-z0-9_/]+\.go\b`)

// in says whether a package is one of those, or below one. "." is everything.
func in(pkg string, of []string) bool {
	return slices.ContainsFunc(of, func(p string) bool { return p == "." || pkg == p || strings.HasPrefix(pkg, p+"/") })
}

// tree reads the sources of the module.
func tree(t *testing.T) *sources {
	root := filepath.Join("..", "..")
	s := &sources{imports: map[string]map[string]string{}, files: map[string]bool{}}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules") {
			return fs.SkipDir
		}
		if d.IsDir() || filepath.Ext(path) != ".go" {
			return nil
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		return s.read(path, filepath.ToSlash(name))
	})
	require.NoError(t, err)
	require.Greater(t, len(s.imports), 40)
	return s
}

func (s *sources) read(path, name string) error {
	s.files[name] = true
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, path, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	if !strings.HasSuffix(name, "_test.go") {
		s.note(f, name)
	}
	if ast.IsGenerated(f) {
		return nil
	}
	for _, c := range f.Comments {
		for _, file := range goFile.FindAllString(c.Text(), -1) {
			s.named = append(s.named, named{name, file})
		}
	}
	if n := set.File(f.Pos()).LineCount(); n > longestFile {
		s.tooLong(name, n, longestFile, "give one of its topics its own file")
	}
	for _, d := range f.Decls {
		if d, ok := d.(*ast.FuncDecl); ok {
			if n := set.Position(d.End()).Line - set.Position(d.Pos()).Line + 1; n > longestFunction {
				s.tooLong(name+": "+d.Name.Name, n, longestFunction, "give its steps names")
			}
		}
	}
	return nil
}

func (s *sources) note(f *ast.File, name string) {
	pkg := filepath.ToSlash(filepath.Dir(name))
	if s.imports[pkg] == nil {
		s.imports[pkg] = map[string]string{}
	}
	for _, i := range f.Imports {
		if to, err := strconv.Unquote(i.Path.Value); err == nil {
			if to, ok := strings.CutPrefix(to, "ratemill/"); ok {
				s.imports[pkg][to] = name
			}
		}
	}
}

func (s *sources) tooLong(what string, lines, most int, remedy string) {
	s.long = append(s.long, what+" has "+strconv.Itoa(lines)+" lines, "+strconv.Itoa(most)+" are the most: "+remedy)
}
