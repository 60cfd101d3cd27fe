package load

import (
	"os"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
)

// results is a text table for people and documentation: numbers aligned to the right.
type results struct{ w table.Writer }

func newTable(header ...string) *results {
	t := table.NewWriter()
	t.SetOutputMirror(os.Stdout)
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Format.Header = text.FormatDefault
	t.SetStyle(style)
	var columns []table.ColumnConfig
	row := table.Row{}
	for i, h := range header {
		row = append(row, h)
		if i > 0 {
			columns = append(columns, table.ColumnConfig{Number: i + 1, Align: text.AlignRight, AlignHeader: text.AlignRight})
		}
	}
	t.AppendHeader(row)
	t.SetColumnConfigs(columns)
	return &results{t}
}

func (r *results) row(cells ...string) {
	row := table.Row{}
	for _, c := range cells {
		row = append(row, c)
	}
	r.w.AppendRow(row)
}

func (r *results) print() { r.w.Render() }

func comma(v float64) string { return humanize.Comma(int64(v)) }
