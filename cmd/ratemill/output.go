package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"ratemill/internal/backoffice"
	"ratemill/internal/output"
	"ratemill/printable"
)

// words returns standard output for text that users read. It escapes text from outside, which could
// otherwise control the terminal.
func words(c *cobra.Command) io.Writer { return printable.Writer(c.OutOrStdout()) }

// data returns standard output for programs, and for printers that escape outside text themselves because they use
// colours or need the width of the terminal.
func data(c *cobra.Command) io.Writer { return c.OutOrStdout() }

// objects returns standard output for JSON.
func objects(c *cobra.Command) io.Writer { return printable.JSONWriter(c.OutOrStdout()) }

// printObjects prints a JSON object for each element.
func printObjects[T any](c *cobra.Command, all []T) error {
	lines := json.NewEncoder(objects(c))
	for i := range all {
		if err := lines.Encode(&all[i]); err != nil {
			return err
		}
	}
	return nil
}

// printAll prints a JSON object for each element, or a table of all elements.
func printAll[T any](cmd *cobra.Command, f *flags, all []T, table func(all []T) *output.Grid) error {
	if f.output == output.JSON {
		return printObjects(cmd, all)
	}
	return table(all).Print(data(cmd), f.output)
}

// printAnswer requests a list from the office and prints it. none is the text for an empty list.
func printAnswer[T any](cmd *cobra.Command, f *flags, none string, ask func(context.Context, *backoffice.Office) ([]T, error),
	table func(all []T) *output.Grid) error {
	office, end, err := openOffice(cmd.Context(), f)
	if err != nil {
		return err
	}
	defer end()
	all, err := ask(cmd.Context(), office)
	if err != nil {
		return refusal(err)
	}
	if len(all) == 0 {
		fmt.Fprintln(stderr, none)
	}
	return errors.Join(printAll(cmd, f, all, table), unreadable(all))
}

// unreadable sets the exit code to 1 if rows of a list could not be read. The list contains the reasons.
func unreadable[T any](all []T) error {
	for i := range all {
		if row, ok := any(all[i]).(interface{ Unreadable() string }); ok && row.Unreadable() != "" {
			return &problems{}
		}
	}
	return nil
}

// labelled prints lines of a label and a text, like the output of explain.
func labelled(c *cobra.Command, text string) error { return output.Words(data(c), text, 10) }

// stderr returns standard error for text that may come from outside: file names, record values, answers of
// engines.
var stderr io.Writer = standardError{}

type standardError struct{}

func (standardError) Write(p []byte) (int, error) { return printable.Writer(os.Stderr).Write(p) }

// jsonLog returns standard error for log lines in JSON.
var jsonLog io.Writer = printable.JSONWriter(os.Stderr)
