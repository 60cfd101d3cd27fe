package main

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/tools/txtar"

	"ratemill/diag"
	"ratemill/internal/control"
	"ratemill/internal/output"
	"ratemill/internal/project"
	"ratemill/internal/roles"
	"ratemill/rating"
	"ratemill/registry"
	"ratemill/udr"
)

// comparison holds the differences between the project's catalogue and another one.
type comparison struct {
	Changes  []rating.Change `json:"changes"`
	Counters []anewCounter   `json:"counters"` // counters that start at zero
	Affects  []affected      `json:"affects"`
	counters diag.List
}

type anewCounter struct {
	At      string `json:"at"`
	Message string `json:"message"`
}

// affected counts the accounts and SIMs with a changed document.
type affected struct {
	Kind     string `json:"kind"`
	Name     string `json:"name"`
	Accounts int    `json:"accounts"`
	SIMs     int    `json:"sims"`
}

// against compares the catalogue of the project in a folder with another catalogue.
func (f flags) against(cmd *cobra.Command, args []string, dir, with string, p *project.Project) error {
	if len(args) > 0 {
		f.config = configurationIn(args[0])
	}
	if p.Catalogue == nil {
		return fmt.Errorf("%s has no folder catalogue/ to compare", dir)
	}
	ctx := cmd.Context()
	store, _, err := openStore(ctx, &f)
	if err == nil {
		defer store.Close()
	} else if missing := (*control.MissingError)(nil); !errors.As(err, &missing) {
		fmt.Fprintf(stderr, "the control store is not reachable, so accounts and SIMs are those of registry/: %v\n", err)
	}
	before, err := otherCatalogue(ctx, store, dir, with)
	if err != nil {
		return err
	}
	c := comparison{Changes: p.Catalogue.Against(before), counters: p.Catalogue.StartsAnewAfter(before)}
	for _, d := range c.counters {
		c.Counters = append(c.Counters, anewCounter{d.Pos.String(), d.Message})
	}
	reg := registry.New()
	if store != nil {
		_, err = store.LoadRegistry(ctx, reg)
	} else if reg, err = offlineRegistry(dir, nil); err != nil {
		fmt.Fprintf(stderr, "%v; accounts and SIMs are not counted\n", err)
		reg, err = nil, nil
	}
	if err != nil {
		return err
	}
	if reg != nil {
		c.Affects = affects(c.Changes, p.Catalogue, reg, time.Now())
	}
	return c.print(cmd, f.output)
}

// otherCatalogue finds a catalogue by the name that the user gave: a folder with a project, "used" for the
// catalogue that the installation used last, the beginning of a stored version, or a revision of git.
func otherCatalogue(ctx context.Context, store *control.Store, dir, name string) (*rating.Catalogue, error) {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return catalogueIn(project.Folder(name), name)
	}
	if store != nil {
		c, err := roles.StoredCatalogue(ctx, store, name)
		if !errors.Is(err, control.ErrNotFound) {
			return c, err
		}
	}
	if strings.HasPrefix(name, "-") || name == "used" {
		return nil, fmt.Errorf("%s: no catalogue of this name is stored in the installation", name)
	}
	var archive, said bytes.Buffer
	git := exec.CommandContext(ctx, "git", "-C", dir, "archive", "--format=tar", name)
	git.Stdout, git.Stderr = &archive, &said
	if err := git.Run(); err != nil {
		return nil, fmt.Errorf("%s is neither a folder, nor a version of the catalogue in the control store, nor a revision of git: %s", name,
			strings.TrimSpace(said.String()+" "+err.Error()))
	}
	files := &txtar.Archive{}
	for r := tar.NewReader(&archive); ; {
		h, err := r.Next()
		if err == io.EOF {
			tree, err := txtar.FS(files)
			if err != nil {
				return nil, err
			}
			return catalogueIn(tree, name)
		}
		if err != nil {
			return nil, err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		text, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		files.Files = append(files.Files, txtar.File{Name: path.Clean(h.Name), Data: text})
	}
}

func catalogueIn(fsys fs.FS, name string) (*rating.Catalogue, error) {
	p, list := project.Load(fsys, nil)
	switch {
	case p == nil:
		printDiagnostics(list)
		return nil, fmt.Errorf("the project in %s has %s", name, counted(list.Errors(), "error"))
	case p.Catalogue == nil:
		return nil, fmt.Errorf("%s has no catalogue/", name)
	}
	return p.Catalogue, nil
}

// affects counts the accounts with a changed document, and their SIMs, by the present registry.
func affects(changes []rating.Change, c *rating.Catalogue, reg *registry.Registry, now time.Time) (list []affected) {
	view := reg.View()
	defer view.Close()
	at, rev := udr.InstantOf(now), view.Revision()
	deals := map[string]rating.Deal{}
	for _, d := range c.Deals() {
		deals[d.Plan] = d
	}
	type of struct{ kind, name string }
	var order []of
	for _, x := range changes {
		if k := (of{x.Kind, x.Name}); !slices.Contains(order, k) {
			order = append(order, k)
		}
	}
	count := func(has func(facts *registry.Account, plan string, sim bool, number uint32) bool) (accounts, sims int) {
		own := map[uint32]bool{}
		for n := uint32(1); n <= view.Accounts(); n++ {
			facts, ok := view.Account(n, at, rev)
			if ok && has(facts, facts.Plan, false, n) {
				own[n] = true
			}
		}
		for sim := uint32(1); sim <= view.SIMs(); sim++ {
			owner, ok := view.Owner(sim, at, rev)
			if !ok {
				continue
			}
			facts, ok := view.Account(owner.Account, at, rev)
			if !ok {
				continue
			}
			plan := facts.Plan
			if owner.Plan != 0 {
				plan = view.PlanName(owner.Plan)
			}
			if has(facts, plan, true, sim) {
				own[owner.Account] = true
				sims++
			}
		}
		return len(own), sims
	}
	for _, k := range order {
		a := affected{Kind: k.kind, Name: k.name}
		d, dealt := deals[k.name]
		plans, byPlan := c.PlansWith(k.kind, k.name)
		var buf []registry.Bought
		a.Accounts, a.SIMs = count(func(facts *registry.Account, plan string, sim bool, number uint32) bool {
			switch {
			case k.kind == "package" || k.kind == "addon":
				buf = view.Bought(sim, number, at, rev, buf[:0])
				return slices.ContainsFunc(buf, func(b registry.Bought) bool {
					return rating.PackageOf(b.Name) == k.name && (b.Kind == registry.KindPackage) == (k.kind == "package") && b.Until > at
				})
			case k.kind == "share_plan":
				return slices.Contains(facts.SharePlans, k.name)
			case k.kind == "limit":
				return slices.Contains(facts.Limits, k.name)
			case byPlan:
				return slices.Contains(plans, plan)
			case !dealt:
				return plan == k.name
			}
			return plan == d.Of && (slices.Contains(d.Accounts, facts.ID) || d.Kind != "" && d.Kind == facts.Kind.String())
		})
		list = append(list, a)
	}
	return list
}

func (c *comparison) print(cmd *cobra.Command, format string) error {
	if format == output.JSON {
		e := json.NewEncoder(objects(cmd))
		e.SetEscapeHTML(false)
		return e.Encode(c)
	}
	g := output.New("kind", "name", "from", "class", "where", "what", "old", "new").Sparse("from", "class", "where")
	for _, x := range c.Changes {
		g.Add(x.Kind, x.Name, x.From, x.Class, x.Where, x.What, x.Old, x.New)
	}
	if len(c.Changes) == 0 {
		fmt.Fprintln(words(cmd), "prices, zones, pools, limits, packages, rates and calendars do not change")
	} else if err := g.Print(data(cmd), format); err != nil {
		return err
	}
	if format != output.Table {
		return nil
	}
	if len(c.Affects) > 0 {
		fmt.Fprintln(words(cmd))
		a := output.New("affects", "name", "accounts", "sims").Numbers("accounts", "sims")
		for _, x := range c.Affects {
			a.Add(x.Kind, x.Name, strconv.Itoa(x.Accounts), strconv.Itoa(x.SIMs))
		}
		if err := a.Print(data(cmd), format); err != nil {
			return err
		}
	}
	if len(c.counters) > 0 {
		fmt.Fprintln(words(cmd))
		diag.Print(data(cmd), c.counters, diag.Options{Color: colours(os.Stdout)})
	}
	return nil
}
