package main

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ratemill/diag"
	"ratemill/internal/config"
	"ratemill/internal/output"
)

// flags that several commands have.
type flags struct {
	config    string
	logLevel  string // empty if not given
	logFormat string // likewise
	output    string
	toldDemo  bool
}

// choice is a flag that accepts one of a fixed set of words and refuses any other.
type choice struct {
	to *string
	of []string
}

func (c choice) Set(word string) error {
	if err := oneOf(word, c.of); err != nil {
		return err
	}
	*c.to = word
	return nil
}

func (c choice) String() string { return *c.to }
func (c choice) Type() string   { return strings.Join(c.of, "|") }

func oneOf(word string, of []string) error {
	if slices.Contains(of, word) {
		return nil
	}
	return fmt.Errorf("%s is not one of %s%s", word, strings.Join(of, ", "), diag.Suggest(word, of))
}

// choices is a flag that accepts several of a fixed set of words, repeated or separated by commas.
type choices[T ~string] struct {
	to *[]T
	of []T
}

func (c choices[T]) Set(list string) error {
	for _, word := range strings.Split(list, ",") {
		if err := oneOf(word, c.words()); err != nil {
			return err
		}
		*c.to = append(*c.to, T(word))
	}
	return nil
}

func (c choices[T]) words() (words []string) {
	for _, w := range c.of {
		words = append(words, string(w))
	}
	return words
}

func (c choices[T]) String() string { return "" }
func (c choices[T]) Type() string   { return strings.Join(c.words(), "|") }

func outputFlag(f *flags, c *cobra.Command) {
	f.output = output.Table
	c.Flags().VarP(choice{&f.output, output.Formats}, "output", "o", "output format")
}

// needs refuses a flag that has no effect without another one.
func needs(c *cobra.Command, flag, other string) error {
	if c.Flags().Changed(flag) && !c.Flags().Changed(other) {
		return fmt.Errorf("--%s has no effect without --%s", flag, other)
	}
	return nil
}

// apart refuses two flags that exclude each other, because the second would have no effect.
func apart(c *cobra.Command, flag, other string) error {
	if c.Flags().Changed(flag) && c.Flags().Changed(other) {
		return fmt.Errorf("--%s has no effect together with --%s; give one of them", flag, other)
	}
	return nil
}

// noConfig refuses -c if the command reads nothing from the configuration.
func (f *flags) noConfig(instead string) error {
	if f.config != "" {
		return fmt.Errorf("-c has no effect here; %s", instead)
	}
	return nil
}

// logger returns a logger that follows --log and --log-format; by default it writes text, from the
// given level up.
func (f *flags) logger(otherwise slog.Level) *slog.Logger {
	return f.loggerOf(config.Log{Level: strings.ToLower(otherwise.String())})
}

// loggerOf returns a logger that follows the flags, or else the configuration.
func (f *flags) loggerOf(c config.Log) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(cmp.Or(f.logLevel, c.Level))) // the value is the name of a level
	options := &slog.HandlerOptions{Level: level}
	if cmp.Or(f.logFormat, c.Format) == "json" {
		return slog.New(slog.NewJSONHandler(jsonLog, options))
	}
	return slog.New(slog.NewTextHandler(stderr, options))
}

// quietLogger logs errors only, for commands whose output is not a log.
func quietLogger(f *flags) *slog.Logger { return f.logger(slog.LevelWarn) }
