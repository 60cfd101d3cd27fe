package main

import (
	"fmt"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"ratemill/internal/config"
	"ratemill/internal/project"
	"ratemill/internal/roles"
)

func runCommand(f *flags) *cobra.Command {
	var some []roles.Role
	var attach bool
	var listen string
	c := &cobra.Command{
		Use:   "run",
		Short: "Run all roles, or some, until SIGTERM",
		Long: `Run takes files, rates usage and writes to the warehouse until it is told to stop.

SIGTERM (or ctrl-C, or SIGHUP) finishes the current batch, commits, leaves the consumer group and exits within 10 s. A second one
exits at once, and unfinished work is done again at the next start. To scale a role out, start more processes of it.`,
		Example: "  ratemill run -c ratemill.yaml\n  ratemill run -c ratemill.yaml --role rating --role warehouse",
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			signal.Ignore(syscall.SIGPIPE) // losing the reader of the log is no reason to end
			config, p, err := f.loadAll()
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("listen") {
				config.Listen = listen
			}
			n := &roles.Node{Config: config, Project: p, Log: f.loggerOf(config.Log), Roles: roles.Roles, Attach: attach}
			if len(some) > 0 {
				n.Roles = some
			}
			if err := roles.Open(cmd.Context(), n); err != nil {
				if cmd.Context().Err() != nil {
					return nil // interrupted before it began
				}
				return err
			}
			defer n.Close()
			return n.Run(cmd.Context())
		},
	}
	c.Flags().Var(choices[roles.Role]{&some, roles.Roles}, "role", "role to run; repeat for more (default all)")
	c.Flags().BoolVar(&attach, "attach", false, "use the embedded engines of a running ratemill, instead of starting them")
	c.Flags().StringVar(&listen, "listen", "", "address of metrics and health, instead of the configured one")
	return c
}

// loadAll reads the configuration and its project, and reports the mistakes of both at once.
func (f *flags) loadAll() (*config.Config, *project.Project, error) {
	c, err := f.load()
	if err == nil {
		p, err := loadProject(c)
		return c, p, err
	}
	if dir, _, _, unknown := f.checkConfig(nil); unknown == nil {
		if p, list := project.LoadDir(dir); p == nil {
			printDiagnostics(list)
			err = fmt.Errorf("%w, and its project in %s %s", err, dir, counted(list.Errors(), "error"))
		}
	}
	return nil, nil, err
}
