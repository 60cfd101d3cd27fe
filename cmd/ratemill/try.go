package main

import (
	"bufio"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"ratemill/internal/offline"
	"ratemill/printable"
	"ratemill/rating"
	"ratemill/rules"
	"ratemill/udr"
)

func tryCommand(f *flags) *cobra.Command {
	w := work{looks: true}
	var verbose bool
	c := &cobra.Command{
		Use:   "try FILE…",
		Short: "Show how the rules decide each record, and why",
		Long: `Try prints a decision for each record as a JSON object: mapped, filtered, duplicate or suspended, and why. Nothing is
rated. With -v it describes each step: the values in each condition, and the origin of each value. With a
registry (the project's registry/ folder, or --registry) it also shows who owns each SIM. If a file looks
unfinished, try notes that run would wait for the rest. The exit code is 1 if a file cannot be read to its end.`,
		Example: "  ratemill try --source skylink SKY_000123.csv.gz | jq 'select(.decision==\"suspended\")'\n  ratemill try " +
			"-v SKY_000123.csv.gz | head -20",
		Args: needing(1, 0, "files of usage: ratemill try SKY_000123.csv.gz"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := w.open(f, args); err != nil {
				return err
			}
			out := bufio.NewWriterSize(data(cmd), 64<<10)
			try := offline.Try{Registry: w.registry, Trace: verbose}
			var buf []byte
			broken := false
			for i := range w.files {
				file := &w.files[i]
				if verbose && len(w.files) > 1 {
					fmt.Fprintf(out, "%s\n", printable.Line(file.Path))
				}
				_, err := try.File(cmd.Context(), file, func(d *offline.Decision) error {
					broken = broken || d.Kind == "file"
					if verbose {
						tell(out, d)
						return nil
					}
					buf = appendDecision(buf[:0], file, d)
					_, err := out.Write(buf)
					return err
				})
				if err != nil {
					return err
				}
				if err := out.Flush(); err != nil {
					return err
				}
				if why, err := offline.Waits(file); err != nil {
					return err
				} else if why != "" {
					fmt.Fprintf(stderr, "%s: %s; run and rate do not read such a file until it changes, unless collect.unfinished is "+
						"read\n", shown(path.Base(file.Path)), why)
				}
			}
			if broken {
				return &problems{}
			}
			return nil
		},
	}
	c.Flags().BoolVarP(&verbose, "verbose", "v", false, "describe each step in words")
	w.flags(c)
	return c
}

func appendDecision(dst []byte, file *offline.File, d *offline.Decision) []byte {
	dst = append(dst, `{"file":`...)
	dst = offline.AppendString(dst, path.Base(file.Path))
	dst = append(dst, `,"line":`...)
	dst = strconv.AppendUint(dst, d.Record.Line, 10)
	dst = append(dst, `,"decision":"`...)
	dst = append(append(dst, d.Kind...), '"')
	if d.Rule != "" {
		dst = append(dst, `,"rule":`...)
		dst = offline.AppendString(dst, d.Rule)
	}
	if d.Err != nil {
		dst = offline.AppendWhy(dst, d.Err)
	}
	if d.Kind == "suspended" || d.Kind == "file" {
		dst = append(dst, `,"raw":`...)
		dst = offline.AppendString(dst, d.Raw())
	}
	if len(d.Usages) == 0 {
		return append(dst, "}\n"...)
	}
	dst = append(dst, `,"usage":[`...)
	for i, u := range d.Usages {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, `{"decision":"`...)
		dst = append(append(dst, u.Kind...), '"')
		dst = offline.AppendUsage(dst, u.Usage)
		if u.Account != "" {
			dst = append(dst, `,"account":`...)
			dst = offline.AppendString(dst, u.Account)
		}
		if u.Err != nil {
			dst = offline.AppendWhy(dst, u.Err)
		}
		dst = append(dst, '}')
	}
	return append(dst, "]}\n"...)
}

const margin = "         " // indentation of the steps of a record

// tell prints a decision: the record, then a line for each step, aligned.
func tell(to io.Writer, d *offline.Decision) {
	out := printable.Writer(to)
	place := "line "
	if d.Octets {
		place = "record "
	}
	place += strconv.FormatUint(d.Record.Line, 10)
	if d.Kind == "file" {
		fmt.Fprintln(out, place)
	} else {
		fmt.Fprintf(out, "%-8s %s\n", place, shown(d.Raw()))
	}
	name, text := 8, 20
	for _, s := range d.Steps {
		if s.Kind == "set" || s.Kind == "let" {
			name = max(name, min(utf8.RuneCountInString(s.Name), 14))
			text = max(text, min(utf8.RuneCountInString(oneLine(s.Text)), 46))
		}
	}
	next := 0
	for _, s := range d.Steps {
		switch s.Kind {
		case "usage":
			if next < len(d.Usages) {
				tellUsage(out, &d.Usages[next], name)
				next++
			}
		case "drop", "keep", "when":
			fmt.Fprintf(out, "%s%-*s   %-5s  %s\n", margin, name+1+text, s.Kind+" "+s.Name, s.Value, s.Reads)
		case "set", "let":
			value := s.Value
			if s.Name == "sim" && next < len(d.Usages) {
				value = simWords(&d.Usages[next], value)
			}
			if s.Reads != "" {
				value += "   (" + s.Reads + ")"
			}
			fmt.Fprintf(out, "%s%-*s %-*s → %s\n", margin, name, s.Name, text, oneLine(s.Text), value)
		case "class":
			fmt.Fprintf(out, "%s%-*s %s\n", margin, name, "class", s.Value)
		default:
			fmt.Fprintf(out, "%s%s\n", margin, strings.ReplaceAll(s.String(), "\n", "\n"+margin))
		}
	}
	for ; next < len(d.Usages); next++ {
		tellUsage(out, &d.Usages[next], name)
	}
	switch {
	case d.Err == nil || len(d.Steps) > 0:
	case d.Kind == "file":
		fmt.Fprintf(out, "%s→ the file fails here  %s\n", margin, d.Err.Error())
	default:
		fmt.Fprintf(out, "%s→ suspended  %s\n", margin, d.Err.Error())
	}
	fmt.Fprintln(out)
}

// simWords describes the SIM of an identifier and the account that owned it.
func simWords(u *offline.UsageDecision, identifier string) string {
	if u.Account == "" {
		return identifier
	}
	words := identifier
	if u.ICCID != "" && u.ICCID != identifier {
		words = "SIM " + u.ICCID
	}
	words += ", account " + u.Account
	if u.Plan != "" {
		words += "/" + u.Plan
	}
	if u.Since != "" {
		words += " since " + u.Since
	}
	return words
}

func tellUsage(out io.Writer, u *offline.UsageDecision, name int) {
	fmt.Fprintf(out, "%s→ %-*s %s\n", margin, name-2, word(u), describe(u))
	if u.Err != nil {
		fmt.Fprintf(out, "%s%-*s %s\n", margin, name, "", u.Err.Reason)
	}
}

func describe(u *offline.UsageDecision) string {
	line := rules.Describe(u.Usage)
	if u.Account != "" {
		line += "  account " + u.Account
	}
	return line
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func word(u *offline.UsageDecision) string {
	if u.Kind == "mapped" {
		return "usage"
	}
	return u.Kind
}

// shown returns a raw record, escaped for a terminal.
func shown(raw string) string {
	const most = 400
	cut := ""
	if len(raw) > most {
		raw, cut = strings.ToValidUTF8(raw[:most], ""), fmt.Sprintf("… (%s)", rating.Units(int64(len(raw)), udr.Octet))
	}
	return printable.Text(raw) + cut
}
