package main

import (
	"encoding/json"
	"io"
	"os"

	"github.com/spf13/cobra"

	"ratemill/internal/output"
	"ratemill/printable"
)

// words is standard output for text that people read. It escapes foreign text, which could otherwise control the
// terminal.
func words(c *cobra.Command) io.Writer { return printable.Writer(c.OutOrStdout()) }

// data is standard output for programs, and for printers that escape foreign text themselves because they use colours
// or need the width of the terminal.
func data(c *cobra.Command) io.Writer { return c.OutOrStdout() }

// objects is standard output for JSON.
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

// labelled prints lines of a label and words, like the output of explain.
func labelled(c *cobra.Command, text string) error { return output.Words(data(c), text, 10) }

// stderr is standard error for text that may contain foreign words: names of files, values of records, answers of
// engines.
var stderr io.Writer = standardError{}

type standardError struct{}

func (standardError) Write(p []byte) (int, error) { return printable.Writer(os.Stderr).Write(p) }

// jsonLog is standard error for log lines in JSON.
var jsonLog io.Writer = printable.JSONWriter(os.Stderr)
