package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"ratemill/internal/golden"
	"ratemill/internal/project"
)

func testCommand(f *flags) *cobra.Command {
	var rewrite, missing bool
	var pattern string
	var drafts []string
	c := &cobra.Command{
		Use:   "test [DIR]",
		Short: "Run the golden cases of a project",
		Long: `Test runs the cases in tests/*.txtar: raw records and a registry go in; usage, charges with amounts,
suspense and events come out. It shows the differences, and which rules, branches, zones, price steps and
buckets no case covers.

A case is a text file. It begins with a sentence about its purpose. Its parts follow, each after a line
-- NAME --: registry.yaml, before.yaml (counters before, as in "pool fleet-3g: { used: 2 GB }"), raw files (their
names, without .gz, match a source's files; or SOURCE/NAME), and the expected results: usage, charges, suspense,
events, balance.`,
		Example: "  ratemill test\n  ratemill test --run pool\n  ratemill test --rewrite && git diff tests/\n  ratemill " +
			"test --draft SKY_000123.csv.gz   # a case of records that reach what no case reaches",
		Args: atMostOne("folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := errors.Join(apart(cmd, "missing", "run"), apart(cmd, "missing", "draft")); err != nil {
				return err
			}
			dir, err := f.projectFolder(args)
			if err != nil {
				return err
			}
			p, broken, err := openProject(dir, true)
			if err != nil {
				return err
			}
			only, err := regexp.Compile(pattern)
			if err != nil {
				return fmt.Errorf("--run: %w", err)
			}
			cases, err := golden.Cases(p.FS)
			if err != nil {
				return err
			}
			run := caseRun{cmd: cmd, dir: dir, project: p, rewrite: rewrite}
			for _, c := range cases {
				if only.MatchString(c.Name) {
					if err := run.run(c); err != nil {
						return err
					}
				}
			}
			if run.all() == 0 && len(drafts) == 0 {
				return noCases(dir, pattern, len(cases))
			}
			fmt.Fprintln(words(cmd), run.summary())
			if len(drafts) > 0 {
				if err := writeDrafts(cmd, dir, p, &run.cover, drafts); err != nil {
					return err
				}
			} else if pattern == "" {
				golden.Print(data(cmd), run.cover.Report(p.Sources, p.Catalogue), missing)
			}
			if broken.HasErrors() && pattern == "" && len(drafts) == 0 {
				printDiagnostics(broken)
				return &problems{}
			}
			if run.failed > 0 {
				return &problems{}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&rewrite, "rewrite", false, "replace the expected results in the cases with the actual ones")
	c.Flags().StringVar(&pattern, "run", "", "run the cases whose names match this regular expression")
	c.Flags().BoolVar(&missing, "missing", false, "list everything that no case covers, instead of two examples")
	c.Flags().StringSliceVar(&drafts, "draft", nil, "a real file; its records that cover something new become a draft")
	return c
}

// caseRun runs cases and reports the result of each.
type caseRun struct {
	cmd     *cobra.Command
	dir     string
	project *project.Project
	rewrite bool

	cover                     golden.Coverage
	passed, failed, rewritten int
}

func (r *caseRun) run(c *golden.Case) error {
	out := words(r.cmd)
	o, err := c.Run(r.cmd.Context(), r.project, &r.cover)
	switch {
	case err != nil:
		r.failed++
		fmt.Fprintf(out, "FAIL %s\n%s\n\n", c.File, indent(err.Error()))
	case o.Passed():
		r.passed++
	case r.rewrite:
		r.rewritten++
		if err := replaceFile(filepath.Join(r.dir, c.File), c.Rewritten(o)); err != nil {
			return err
		}
		fmt.Fprintf(out, "rewritten %s\n", c.File)
	default:
		r.failed++
		r.differs(c, o)
	}
	return nil
}

// differs prints how the results of a case differ from its expectations.
func (r *caseRun) differs(c *golden.Case, o *golden.Outcome) {
	out := words(r.cmd)
	fmt.Fprintf(out, "FAIL %s\n%s\n", c.File, indent(c.Shows))
	if o.Draft() {
		fmt.Fprintf(out, "  the case expects nothing yet; --rewrite writes the results into it, for you to read\n")
	}
	width, _ := terminal(os.Stdout)
	for i := range o.Sections {
		if s := &o.Sections[i]; s.Differs() {
			s.Diff(data(r.cmd), c.File, golden.DiffOptions{Width: width, Color: colours(os.Stdout)})
		}
	}
	fmt.Fprintln(out)
}

func (r *caseRun) all() int { return r.passed + r.failed + r.rewritten }

func (r *caseRun) summary() string {
	text := fmt.Sprintf("%s: %d passed, %d failed", counted(r.all(), "case"), r.passed, r.failed)
	if r.rewritten > 0 {
		text += fmt.Sprintf(", %d rewritten; read the difference before you keep it", r.rewritten)
	}
	return text
}

// writeDrafts drafts a case from those records of each file that cover something that no case covers yet.
func writeDrafts(cmd *cobra.Command, dir string, p *project.Project, cover *golden.Coverage, names []string) error {
	files, err := offlineFiles(p, "", names)
	if err != nil {
		return err
	}
	for i := range files {
		f := &files[i]
		text, left, err := cover.Draft(cmd.Context(), f)
		if err != nil {
			return err
		}
		if text == nil {
			fmt.Fprintf(words(cmd), "%s covers nothing that the cases do not already cover; branches of %s left: %d\n", names[i],
				f.Source.Name, left)
			continue
		}
		name := ""
		for n := 1; name == "" || exists(name); n++ {
			name = filepath.Join(dir, project.TestsFolder, fmt.Sprintf("draft-%s-%d.txtar", f.Source.Name, n))
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, text, 0o644); err != nil {
			return err
		}
		fmt.Fprintf(words(cmd), "drafted %s: describe what it shows, fill in account and plan, anonymise personal data, "+
			"then run ratemill test --rewrite; branches of %s left: %d\n", name, f.Source.Name, left)
	}
	return nil
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

func noCases(dir, pattern string, all int) error {
	if all > 0 {
		return fmt.Errorf("none of the %s in %s has a name that matches %q", counted(all, "case"), filepath.Join(dir, "tests"), pattern)
	}
	return fmt.Errorf("%s has no cases: write one into tests/NAME.txtar; see `ratemill help test`", dir)
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n  ")
}
