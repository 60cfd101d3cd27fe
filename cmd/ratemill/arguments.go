package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ratemill/diag"
)

// needing refuses too few arguments, or too many (most 0 means no limit), and lists the arguments that the
// command needs.
func needing(least, most int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < least || most > 0 && len(args) > most {
			return fmt.Errorf("%s needs %s", called(c), what)
		}
		return nil
	}
}

// atMostOne checks the arguments of a command with one optional argument.
func atMostOne(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) > 1 {
			return fmt.Errorf("%s takes one %s, but got %s", called(c), what, strings.Join(args, " "))
		}
		return nil
	}
}

// none checks the arguments of a command that takes none; an unexpected argument may be a mistyped subcommand.
func none(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var below []string
	for _, sub := range c.Commands() {
		below = append(below, sub.Name())
	}
	return fmt.Errorf("%s takes only flags, but got %s%s", called(c), args[0], diag.Suggest(args[0], below))
}

// called returns the command as users type it, without the name of the program.
func called(c *cobra.Command) string {
	return strings.TrimPrefix(c.CommandPath(), c.Root().Name()+" ")
}

// wrongFlag explains an error about a flag.
func wrongFlag(c *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var bare *pflag.ValueRequiredError
	switch {
	case errors.As(err, &unknown):
		typed, name := "--"+unknown.GetSpecifiedName(), unknown.GetSpecifiedName()
		if short := unknown.GetSpecifiedShortnames(); short != "" {
			typed, name = "-"+name, short
			if len(short) > 2 {
				typed = "-" + short // -state is a mistyped --state, not a group of short flags
			}
		}
		if near := diag.Closest(name, flagNames(c)); near != "" && len(name) > 1 {
			return fmt.Errorf("unknown flag %s; did you mean --%s?", typed, near)
		}
		return fmt.Errorf("unknown flag %s; %s --help lists all", typed, c.CommandPath())
	case errors.As(err, &bare):
		return fmt.Errorf("--%s needs a value: %s", bare.GetFlag().Name, bare.GetFlag().Usage)
	}
	return err
}

func flagNames(c *cobra.Command) (names []string) {
	c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}

// allFlags reports missing required flags in ratemill's words; cobra would check them later.
func allFlags(c *cobra.Command) (err error) {
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if _, required := f.Annotations[cobra.BashCompOneRequiredFlag]; required && !f.Changed && err == nil {
			err = fmt.Errorf("%s needs --%s: %s", called(c), f.Name, f.Usage)
		}
	})
	return err
}
