package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	shipped "ratemill/demo"
	"ratemill/internal/demo"
)

const (
	demoFolder = ".ratemill/demo"
	demoConfig = demoFolder + "/ratemill.yaml"
)

func demoCommand(f *flags) *cobra.Command {
	o := demo.Options{Dir: demoFolder, Roles: allRoles}
	c := &cobra.Command{
		Use:   "demo",
		Short: "Run everything embedded on shipped files and print a summary",
		Long: `Demo starts an SFTP server with the shipped files, embedded Kafka and ClickHouse, and a process for each role;
it collects, rates and stores all files and prints the results. Data stays in .ratemill/demo: a second demo
finds nothing new.`,
		Example: "  ratemill demo\n  ratemill demo --once -n 5000000",
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(needs(cmd, "seed", "records"), f.noConfig("the demo writes its own configuration into the "+
				"folder that --dir names")); err != nil {
				return err
			}
			o.Words = data(cmd)
			o.Program, o.Ask = os.Args[0], os.Args[0]
			if _, err := os.Stat("ratemill.yaml"); err == nil || filepath.Clean(o.Dir) != demoFolder {
				o.Ask += " -c " + o.Dir
			}
			o.Terminal = isatty.IsTerminal(os.Stdout.Fd())
			o.Log = quietLogger(f)
			return demo.Run(cmd.Context(), o)
		},
	}
	c.Flags().BoolVar(&o.Once, "once", false, "exit when everything is stored, instead of staying up")
	c.Flags().IntVarP(&o.Records, "records", "n", 0, "generate this many usage records besides the shipped files")
	c.Flags().Uint64Var(&o.Seed, "seed", 0, "with --records: seed, to generate other records than by default")
	c.Flags().StringVar(&o.Stages, "stages", "", "write the work and cost of each stage to this file, as JSON")
	c.Flags().StringVar(&o.Dir, "dir", demoFolder, "folder for the demo's data")
	return c
}

func initCommand(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "init DIR",
		Short: "Create a project to start from, with the files of the demo",
		Long:  "Init writes the demo's sources, catalogue, registry and golden cases into DIR, as a project for you to adapt.",
		Args:  needing(1, 1, "one folder for the project: ratemill init myproject"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.noConfig("DIR is the new project's folder"); err != nil {
				return err
			}
			if args[0] == "" {
				return &problems{"the name of the folder is empty, perhaps from a variable that is not set; for this folder, write ratemill init ."}
			}
			if entries, err := os.ReadDir(args[0]); err == nil && len(entries) > 0 {
				return &problems{args[0] + " exists and is not empty; name a new or empty folder"}
			}
			if err := shipped.WriteExample(args[0]); err != nil {
				return err
			}
			text := "# Every field has a default; docs/configuration.md describes all fields.\nproject: .\n" +
				"late_until: never # the example's usage is of one month, whenever it runs; remove this line with the example\n"
			if err := os.WriteFile(filepath.Join(args[0], "ratemill.yaml"), []byte(text), 0o644); err != nil {
				return err
			}
			fmt.Fprintf(words(cmd), `%[1]s holds a project: sources/, catalogue/, registry/, golden cases in tests/, and usage files in inbox/. Next:

  cd %[1]s
  ratemill check             finds mistakes
  ratemill test              runs the golden cases
  ratemill import registry/  brings in accounts and SIMs
  ratemill run               takes, rates and stores the files in inbox/, until ctrl-C
  ratemill files             shows them, in a second terminal
`, args[0])
			return nil
		},
	}
}
