package main

import (
	"io"
	"os"

	"github.com/spf13/cobra"

	"ratemill/internal/grid"
	"ratemill/internal/printable"
)

// words is standard output for what people read. It may hold foreign text, which gives no orders to their terminal.
func words(c *cobra.Command) io.Writer { return printable.Writer(c.OutOrStdout()) }

// data is standard output for what programs read, and for what makes foreign text harmless itself, since it paints or has
// to know how wide the terminal is.
func data(c *cobra.Command) io.Writer { return c.OutOrStdout() }

// objects is standard output for JSON.
func objects(c *cobra.Command) io.Writer { return printable.JSONWriter(c.OutOrStdout()) }

// labelled prints lines of a label and words, as explain has them.
func labelled(c *cobra.Command, text string) error { return grid.Words(data(c), text, 10) }

// stderr is the standard error for words that may hold foreign text: names of files, values of records, answers of engines.
var stderr io.Writer = standardError{}

type standardError struct{}

func (standardError) Write(p []byte) (int, error) { return printable.Writer(os.Stderr).Write(p) }

// jsonLog is the standard error for log lines in JSON.
var jsonLog io.Writer = printable.JSONWriter(os.Stderr)
