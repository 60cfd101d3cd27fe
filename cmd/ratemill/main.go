// Command ratemill is the only binary. It contains mediation, rating, the warehouse, and the tools for authors of
// rules and for support. Each file here is one subcommand and contains no logic that belongs in a package.
//
// Exit codes: 0 success, 1 the command found problems, 2 wrong usage or configuration.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
	_ "time/tzdata" // time zones must not depend on the machine

	"github.com/spf13/cobra"

	"ratemill/diag"
	"ratemill/internal/backoff"
	"ratemill/internal/backoffice"
	"ratemill/internal/config"
	"ratemill/internal/embedded"
	"ratemill/internal/project"
)

func main() {
	embedded.RunIfChild()
	ctx, stop := signals()
	defer stop()
	err := root().ExecuteContext(ctx)
	if err == nil {
		return
	}
	var problem *backoffice.Problem
	if errors.As(err, &problem) {
		err = &problems{problem.Error()}
	}
	var found *problems
	if errors.As(err, &found) {
		if found.words != "" {
			fmt.Fprintln(stderr, found.words)
		}
		os.Exit(1)
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		fmt.Fprintln(stderr, "ratemill:", stopped(err))
		os.Exit(2)
	}
	fmt.Fprintln(stderr, "ratemill:", err)
	os.Exit(2)
}

// stopped returns the words for a command that was interrupted. They include the operation for which the command
// was waiting, if known.
func stopped(err error) string {
	var waited *backoff.StoppedError
	if errors.As(err, &waited) {
		return waited.Error()
	}
	return "stopped"
}

// problems is the error of a command that worked and found something that a user must look into: exit code 1.
type problems struct{ words string }

func (p *problems) Error() string { return p.words }

// endWithin is the longest time that a process may continue after the first signal; service
// managers and Kubernetes rely on it.
const endWithin = 10 * time.Second

// signals returns a context that ends with the first SIGINT, SIGTERM or SIGHUP (when a terminal is closed); its cause
// is the signal. A second SIGINT or SIGTERM ends the process at once, and so does the time limit if something hangs.
func signals() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.Background())
	ch := make(chan os.Signal, 4)
	signal.Notify(ch, syscall.SIGINT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2)
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		signal.Notify(ch, syscall.SIGHUP)
	}
	go func() {
		var late <-chan time.Time
		words := "stopped at once"
		for ended := false; !ended; {
			select {
			case s := <-ch:
				switch {
				case s == syscall.SIGUSR1 || s == syscall.SIGUSR2: // by default, it would end the process
					fmt.Fprintf(stderr, "ratemill: signal %q is ignored\n", s)
				case late == nil:
					cancel(signalled{s})
					late = time.After(endWithin)
				default:
					ended = s != syscall.SIGHUP // a closing terminal sends several
				}
			case <-late:
				words, ended = "it took too long to shut down and was stopped", true
			}
		}
		fmt.Fprintf(stderr, "ratemill: %s; unfinished work is done again at the next start\n", words)
		os.Exit(130)
	}()
	return ctx, func() { cancel(nil) }
}

// signalled is the cause of the end of a context. Libraries return the cause of a context as well as its error.
type signalled struct{ os.Signal }

func (s signalled) Error() string { return fmt.Sprintf("signal %q", s.String()) }

func (s signalled) Is(err error) bool { return err == context.Canceled }

func root() *cobra.Command {
	f := &flags{}
	c := &cobra.Command{
		Use:           "ratemill",
		Short:         "Usage mediation and rating for carriers and IoT operators",
		Long:          "ratemill turns the usage files that carriers drop into rated, explainable, invoiceable records.",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	c.PersistentFlags().StringVarP(&f.config, "config", "c", "", "configuration file, or the folder with ratemill.yaml (default "+
		"./ratemill.yaml, otherwise the demo's, with a note)")
	c.PersistentFlags().Var(choice{&f.logLevel, []string{"debug", "info", "warn", "error"}}, "log",
		"lowest level to log (default: log.level of the configuration when running, warn otherwise)")
	c.PersistentFlags().Var(choice{&f.logFormat, []string{"text", "json"}}, "log-format", "format of the log (default: "+
		"log.format of the configuration when running, text otherwise)")
	c.AddGroup(&cobra.Group{ID: "run", Title: "Running:"}, &cobra.Group{ID: "write", Title: "Writing rules and plans:"},
		&cobra.Group{ID: "ask", Title: "Asking:"})
	for _, command := range []*cobra.Command{
		grouped("run", demoCommand(f)), grouped("run", initCommand(f)), grouped("run", runCommand(f)), grouped("run", importCommand(f)),
		grouped("run", partitionCommand(f)), grouped("run", storesCommand(f)),
		grouped("ask", queryCommand(f)), grouped("ask", explainCommand(f)), grouped("ask", filesCommand(f)),
		grouped("ask", suspenseCommand(f)), grouped("ask", accountCommand(f)), grouped("ask", simCommand(f)), grouped("ask",
			productCommand(f)), grouped("ask", contractCommand(f)), grouped("ask", invoiceCommand(f)), grouped("ask", registryCommand(f)),
		grouped("ask", paymentCommand(f)), grouped("ask", deliveryCommand(f)), grouped("ask", chargeCommand(f)),
		grouped("ask", packageCommand(f)),
		grouped("ask", tailCommand(f)),
	} {
		c.AddCommand(command)
	}
	c.Version = thisVersion()
	c.SetVersionTemplate("{{.Version}}\n")
	c.Flags().Bool("version", false, "print the version")
	c.SetFlagErrorFunc(wrongFlag)
	c.AddCommand(versionCommand())
	for _, command := range writingCommands(f) {
		c.AddCommand(grouped("write", command))
	}
	return c
}

func grouped(id string, c *cobra.Command) *cobra.Command {
	c.GroupID = id
	return c
}

// configuration returns the configuration file to use: the file given by the user, ./ratemill.yaml, or the
// demo's. Commands report that they use the demo's file, because the user did not choose it and a command
// may change it.
func (f *flags) configuration() string {
	if f.config != "" {
		return configurationIn(f.config)
	}
	const here = "ratemill.yaml"
	if exists(here) || !exists(demoConfig) {
		return here
	}
	if !f.toldDemo {
		f.toldDemo = true
		fmt.Fprintln(stderr, "this folder has no ratemill.yaml: using the demo's project in "+demoFolder)
	}
	return demoConfig
}

// configurationIn returns the configuration file at a path, which may be a folder.
func configurationIn(path string) string {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return filepath.Join(path, "ratemill.yaml")
	}
	return path
}

// load reads the configuration file to use.
func (f *flags) load() (*config.Config, error) {
	path := f.configuration()
	c, list, err := config.Load(path)
	if err != nil {
		return nil, err
	}
	printDiagnostics(list)
	if c == nil {
		return nil, fmt.Errorf("%s has %s", path, counted(list.Errors(), "error"))
	}
	return c, nil
}

// loadProject reads the project to which a configuration refers.
func loadProject(c *config.Config) (*project.Project, error) {
	p, list := project.LoadDir(c.Project)
	printDiagnostics(list)
	if p == nil {
		return nil, fmt.Errorf("the project in %s has %s", c.Project, counted(list.Errors(), "error"))
	}
	return p, nil
}

func printDiagnostics(list diag.List) {
	if len(list) > 0 {
		diag.Print(stderr, list, diag.Options{})
	}
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
