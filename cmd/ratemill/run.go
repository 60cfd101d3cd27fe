package main

import (
	"fmt"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"ratemill/internal/config"
	"ratemill/internal/project"
	"ratemill/internal/roles"
)

// allRoles are the roles of this binary, in the order of the pipeline.
var allRoles = []roles.Role{
	roles.Mediation,
	roles.Rating,
	roles.Warehouse,
	roles.Account(),
	roles.SIMState(),
	roles.Delivery,
}

func runCommand(f *flags) *cobra.Command {
	var named []string
	var attach, list bool
	var listen string
	c := &cobra.Command{
		Use:   "run",
		Short: "Run all roles, or some, until SIGTERM",
		Long: `Run takes files, rates usage and writes to the warehouse until you stop it.

SIGTERM (or ctrl-C, or SIGHUP) finishes the current batch, commits, leaves the consumer group and exits within 10 s. A second one
exits at once, and unfinished work is done again at the next start. To scale a role out, start more processes of it.`,
		Example: "  ratemill run -c ratemill.yaml\n  ratemill run -c ratemill.yaml --role rating --role warehouse",
		Args:    none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if list {
				_, err := fmt.Fprintln(words(cmd), strings.Join(roles.Names(allRoles), "\n"))
				return err
			}
			signal.Ignore(syscall.SIGPIPE) // the process continues if nothing reads its log any more
			config, p, err := f.loadAll()
			if err != nil {
				return err
			}
			if cmd.Flags().Changed("listen") {
				config.Listen = listen
			}
			if len(named) == 0 {
				named = roles.Names(allRoles)
			}
			n, err := roles.Open(cmd.Context(), roles.Options{
				Config: config, Project: p, Log: f.loggerOf(config.Log), Known: allRoles, Roles: roles.Named(allRoles, named), Attach: attach,
			})
			if err != nil {
				if cmd.Context().Err() != nil {
					return nil // interrupted before it began
				}
				return err
			}
			defer n.Close()
			return n.Run(cmd.Context())
		},
	}
	c.Flags().Var(choices[string]{&named, roles.Names(allRoles)}, "role", "role to run; repeat for more (default all)")
	c.Flags().BoolVar(&list, "roles", false, "print the names of all roles; run none")
	c.Flags().BoolVar(&attach, "attach", false, "use the embedded engines of a running ratemill, instead of starting them")
	c.Flags().StringVar(&listen, "listen", "", "address of metrics and health, instead of the configured address")
	return c
}

// loadAll reads the configuration and its project, and reports the mistakes of both together.
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
