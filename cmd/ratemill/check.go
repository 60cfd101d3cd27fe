package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"ratemill/diag"
	"ratemill/internal/config"
	"ratemill/internal/golden"
	"ratemill/internal/output"
	"ratemill/internal/project"
	"ratemill/mediation/source"
)

func checkCommand(f *flags) *cobra.Command {
	var verbose, knownHosts bool
	var against string
	c := &cobra.Command{
		Use:   "check [DIR]",
		Short: "Find all mistakes in a project at once",
		Long: `Check reads every document of a project and its configuration and reports all mistakes at once, each with its line.
It warns of branches of the rules that no golden case reaches, and of plans, pools and limits that files in
registry/ refer to but the catalogue lacks. Where the control store is a file, it also warns of counters that
would restart from zero, compared with the catalogue in use. It contacts no server, and secrets need not be set.

With --against it lists instead how this catalogue differs from another one: prices, zones, share plans and
limits, counters that restart from zero, and how many accounts and SIMs are affected, by the installation's
registry or else by the files in registry/. That catalogue is a folder with a project, a revision of git, the
beginning of a catalogue version that the installation stored, or "used" for the one that it used last.`,
		Example: "  ratemill check\n  ratemill check -v billing/   # how each expression runs\n  ratemill check --known-hosts # the host keys " +
			"of the SFTP servers, to compare and paste\n  ratemill check --against HEAD  # what the next commit changes, and for whom",
		Args: atMostOne("folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := errors.Join(apart(cmd, "verbose", "known-hosts"), apart(cmd, "against", "known-hosts"), apart(cmd, "against", "verbose"),
				needs(cmd, "output", "against")); err != nil {
				return err
			}
			if cmd.Flags().Changed("against") && against == "" {
				return errors.New("--against refers to no catalogue; write used, a folder, a revision of git or the beginning of a stored version")
			}
			dir, list, files, err := f.checkConfig(args)
			if err != nil {
				return err
			}
			if knownHosts {
				return printKnownHosts(cmd, dir)
			}
			p, found := project.Load(project.Folder(dir), nil)
			list = append(list, found...)
			if against != "" && !list.HasErrors() {
				return f.against(cmd, args, dir, against, p)
			}
			documents, err := documentsOf(dir)
			if err != nil {
				return err
			}
			if p != nil {
				list = append(list, unreached(cmd, p)...)
				list = append(list, p.CheckSessions()...)
				list = append(list, f.startsAnew(cmd.Context(), args, p)...)
				named, read := p.CheckRegistry()
				list, files = append(list, named...), files+read
				if verbose {
					for _, s := range p.Sources.Sources {
						if err := printPlans(data(cmd), s); err != nil {
							return err
						}
					}
				}
			}
			list.Sort()
			diag.Print(data(cmd), list, diag.Options{Color: colours(os.Stdout)})
			fmt.Fprintln(words(cmd), diag.Summary(files+len(documents), list))
			if list.HasErrors() {
				return &problems{}
			}
			return nil
		},
	}
	c.Flags().BoolVarP(&verbose, "verbose", "v", false, "list for each expression how it was compiled")
	c.Flags().StringVar(&against, "against", "", "list the differences from another catalogue: a folder, a git revision, "+
		"a stored version, or used")
	outputFlag(f, c)
	c.Flags().BoolVar(&knownHosts, "known-hosts", false, "ask the project's SFTP servers for their host keys and print "+
		"them in known_hosts format")
	return c
}

// checkConfig returns the project's folder, and the mistakes in the configuration that refers to it.
func (f *flags) checkConfig(args []string) (dir string, list diag.List, files int, err error) {
	named := "."
	if err := f.namedOnce(args); err != nil {
		return "", nil, 0, err
	}
	if len(args) > 0 {
		named = args[0]
	} else if f.config != "" {
		named = f.config
	}
	info, err := os.Stat(named)
	if err != nil {
		return "", nil, 0, err
	}
	dir = named
	file := named
	if info.IsDir() {
		file = filepath.Join(named, "ratemill.yaml")
	} else {
		dir = filepath.Dir(named)
	}
	if text, err := os.ReadFile(file); err == nil {
		files = 1
		c := &config.Config{Path: file}
		list = diag.Decode(file, text, c, nil)
		if c.Project != "" && !isProject(dir) {
			if dir = c.Project; !filepath.IsAbs(dir) {
				dir = filepath.Join(filepath.Dir(file), dir)
			}
		}
	}
	if !isProject(dir) {
		if dir, err = f.projectFolder(args); err != nil {
			return "", nil, 0, err
		}
	}
	return dir, list, files, nil
}

// unreached warns about branches that no golden case takes. The command test reports cases that cannot be run.
func unreached(cmd *cobra.Command, p *project.Project) (list diag.List) {
	cases, err := golden.Cases(p.FS)
	if err != nil {
		list.Errorf(diag.Pos{}, "the cases in %s/ cannot be read: %v", project.TestsFolder, err)
		return list
	}
	if len(cases) == 0 {
		if len(p.Sources.Sources) > 0 {
			list.Warnf(diag.Pos{}, "the project has no golden cases; `ratemill help test` shows how to write one")
		}
		return list
	}
	cover := &golden.Coverage{}
	for _, c := range cases {
		if _, err := c.Run(cmd.Context(), p, cover); err != nil {
			list.Warnf(diag.Pos{File: diag.NewFile(c.File, nil)}, "the case cannot be run; `ratemill test` shows the reason")
		}
	}
	for _, s := range p.Sources.Sources {
		for _, b := range cover.Missing(s) {
			list.Warnf(b.Pos, "no case reaches this branch (%s); `ratemill test --draft FILE` drafts one from a real file", b)
		}
	}
	return list
}

// printPlans lists how the expressions of a source run.
func printPlans(w io.Writer, s *source.Source) error {
	g := output.New(s.File, "what", "type", "runs as", "expression")
	for _, plan := range s.Program.Explain() {
		at := strconv.Itoa(plan.Pos.Line) + ":" + strconv.Itoa(plan.Pos.Column)
		if plan.Pos.File != nil && plan.Pos.File.Name != s.File {
			at = plan.Pos.String()
		}
		g.Add(at, plan.What, plan.Type, plan.Way, plan.Text)
	}
	if err := g.Print(w, output.Table); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w)
	return err
}

// printKnownHosts prints the host keys that the SFTP servers of the project present now. It sends no data to
// them.
func printKnownHosts(cmd *cobra.Command, dir string) error {
	p, list := project.LoadDir(dir) // hosts may come from the environment
	if p == nil {
		printDiagnostics(list)
		return fmt.Errorf("the project in %s has %s", dir, counted(list.Errors(), "error"))
	}
	failed := 0
	for _, s := range p.Sources.Sources {
		if s.Collect.SFTP == nil {
			continue
		}
		keys, err := s.Collect.SFTP.HostKeys(cmd.Context(), 15*time.Second)
		if err != nil {
			failed++
			fmt.Fprintf(stderr, "%s: %v\n", s.Name, err)
		}
		for _, k := range keys {
			fmt.Fprintf(words(cmd), "# %s: %s; compare it with the one the carrier gave you\n%s\n", s.Name, k.Fingerprint, k.Line)
		}
	}
	if failed > 0 {
		return &problems{}
	}
	return nil
}
