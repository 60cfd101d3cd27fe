package warehouse

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"

	pretty "github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/shopspring/decimal"

	"ratemill/internal/grid"
)

// Format is how rows are printed.
type Format string

// The formats.
const (
	AsTable Format = "table"
	AsJSON  Format = "json" // an object a line; 64-bit numbers and decimals as they are written, decimals as strings
	AsCSV   Format = "csv"  // RFC 4180; a text that a spreadsheet would take for a formula gets an apostrophe before it
)

// Print runs a SELECT and prints its rows. It answers how many there were.
func (w *Warehouse) Print(ctx context.Context, to io.Writer, format Format, query string, args ...any) (n int, err error) {
	rows, err := w.conn.Query(ctx, query, args...)
	if err != nil {
		return 0, sorted("answer the query", err)
	}
	defer rows.Close()
	p, err := newPrinter(to, format, rows.Columns())
	if err != nil {
		return 0, err
	}
	types := rows.ColumnTypes()
	values := make([]any, len(types))
	for i, t := range types {
		values[i] = reflect.New(t.ScanType()).Interface()
	}
	for rows.Next() {
		if err := rows.Scan(values...); err != nil {
			return n, err
		}
		row := make([]any, len(values))
		for i := range values {
			row[i] = plain(reflect.ValueOf(values[i]).Elem().Interface(), types[i].DatabaseTypeName())
		}
		if err := p.row(row); err != nil {
			return n, err
		}
		n++
	}
	if err := rows.Err(); err != nil {
		return n, sorted("answer the query", err)
	}
	return n, p.end()
}

// plain is a value as all formats print it: decimals and instants as text, bytes as hex.
func plain(v any, typ string) any {
	switch v := v.(type) {
	case decimal.Decimal:
		return v.String()
	case time.Time:
		if strings.HasPrefix(typ, "Date") && !strings.HasPrefix(typ, "DateTime") {
			return v.Format(time.DateOnly)
		}
		return v.Format(time.RFC3339Nano)
	case []byte:
		return fmt.Sprintf("%x", v)
	case string:
		if strings.HasPrefix(typ, "FixedString") {
			return fmt.Sprintf("%x", v)
		}
		return v
	}
	r := reflect.ValueOf(v)
	if r.Kind() == reflect.Pointer {
		if r.IsNil() {
			return nil
		}
		return plain(r.Elem().Interface(), typ)
	}
	return v
}

type printer struct {
	columns []string
	to      io.Writer
	table   pretty.Writer
	csv     *csv.Writer
}

func newPrinter(to io.Writer, format Format, columns []string) (*printer, error) {
	p := &printer{columns: columns, to: to}
	switch format {
	case AsJSON:
	case AsCSV:
		p.csv = csv.NewWriter(to)
		return p, p.csv.Write(columns)
	case AsTable:
		p.table = pretty.NewWriter()
		style := pretty.StyleDefault
		style.Options = pretty.OptionsNoBordersAndSeparators
		style.Format.Header = text.FormatDefault
		style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
		p.table.SetStyle(style)
		header := pretty.Row{}
		for _, c := range columns {
			header = append(header, c)
		}
		p.table.AppendHeader(header)
		p.table.SetOutputMirror(to)
	default:
		return nil, fmt.Errorf("there is no output format %q; the formats are table, json, csv", format)
	}
	return p, nil
}

func (p *printer) row(values []any) error {
	switch {
	case p.table != nil:
		for i, v := range values {
			if s, ok := v.(string); ok {
				values[i] = grid.Printable(s)
			}
		}
		p.table.AppendRow(values)
		return nil
	case p.csv != nil:
		cells := make([]string, len(values))
		for i, v := range values {
			cells[i] = cell(v)
		}
		return p.csv.Write(cells)
	}
	line := []byte{'{'}
	for i, v := range values {
		if i > 0 {
			line = append(line, ',')
		}
		name, err := json.Marshal(p.columns[i])
		if err != nil {
			return err
		}
		text, err := json.Marshal(v)
		if err != nil {
			return err
		}
		line = append(append(append(line, name...), ':'), text...)
	}
	_, err := p.to.Write(append(line, '}', '\n'))
	return err
}

func (p *printer) end() error {
	switch {
	case p.table != nil:
		p.table.Render()
	case p.csv != nil:
		p.csv.Flush()
		return p.csv.Error()
	}
	return nil
}

// cell is a value for a spreadsheet.
func cell(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return grid.Spreadsheet(v)
	}
	return fmt.Sprint(v)
}
