package warehouse

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/shopspring/decimal"

	"ratemill/internal/output"
	"ratemill/printable"
)

// Format is the output format of rows.
type Format string

// The formats.
const (
	AsTable Format = "table"
	AsJSON  Format = "json" // one object per line; 64-bit numbers and decimals as they are written, decimals as strings
	AsCSV   Format = "csv"  // RFC 4180; if a spreadsheet would take a text for a formula, an apostrophe is written before it
)

// Print runs a SELECT and prints its rows. It returns the number of rows. It refuses a statement that would change
// something. Rows of WITH TOTALS and extremes are kept apart: printed under a table, as a separate object in JSON,
// and omitted in CSV, whose readers would take them for ordinary rows.
func (w *Warehouse) Print(ctx context.Context, to io.Writer, format Format, query string, args ...any) (n int, err error) {
	if len(args) == 0 && AsksApart(query) {
		return w.printApart(ctx, to, format, query)
	}
	rows, err := w.conn.Query(clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"readonly": 2})), query, args...)
	if exception := (*clickhouse.Exception)(nil); errors.As(err, &exception) && exception.Code == readOnly {
		return 0, refusedToWrite(exception)
	}
	if err != nil {
		return 0, sorted("answer the query", err)
	}
	defer rows.Close()
	types := rows.ColumnTypes()
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = t.DatabaseTypeName()
	}
	p, err := newPrinter(to, format, rows.Columns(), names)
	if err != nil {
		return 0, err
	}
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

const readOnly = 164 // READONLY of ClickHouse's ErrorCodes.cpp

func refusedToWrite(err error) error {
	return &RefusedError{readOnly, "a query may only read, because ratemill alone writes rows: " + err.Error()}
}

// plain returns a value as all formats print it: decimals and instants as text, a FixedString in hex.
func plain(v any, typ string) any {
	switch v := v.(type) {
	case decimal.Decimal:
		return v.String()
	case time.Time:
		if strings.HasPrefix(typ, "Date") && !strings.HasPrefix(typ, "DateTime") {
			return v.Format(time.DateOnly)
		}
		return v.Format(time.RFC3339Nano)
	case []byte: // Array(UInt8)
		numbers := make([]int, len(v))
		for i, b := range v {
			numbers[i] = int(b)
		}
		return numbers
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
	table   *output.Grid
	csv     *csv.Writer
	seen    bool // on a terminal
}

func newPrinter(to io.Writer, format Format, columns, types []string) (*printer, error) {
	p := &printer{columns: columns, to: to, seen: output.Width(to) > 0}
	switch format {
	case AsJSON:
	case AsCSV:
		p.csv = csv.NewWriter(to)
		shown := slices.Clone(columns)
		for i := range shown {
			if p.seen {
				shown[i] = printable.Text(shown[i])
			}
		}
		return p, p.csv.Write(shown)
	case AsTable:
		shown := make([]string, len(columns))
		for i, name := range columns {
			shown[i] = printable.Line(name)
		}
		p.table = output.New(shown...)
		for i, t := range types {
			if numeric.MatchString(inner(t)) {
				p.table.Amounts(shown[i])
			}
		}
	default:
		return nil, fmt.Errorf("there is no output format %q; the formats are table, json, csv", format)
	}
	return p, nil
}

var numeric = regexp.MustCompile(`^(U?Int|Float)`) // decimals have points, which right alignment would not line up either

func (p *printer) row(values []any) error {
	switch {
	case p.table != nil:
		p.table.Add(cells(values)...)
		return nil
	case p.csv != nil:
		cells := make([]string, len(values))
		for i, v := range values {
			if cells[i] = cell(v); p.seen {
				cells[i] = printable.Text(cells[i])
			}
		}
		return p.csv.Write(cells)
	}
	line, err := p.object(values)
	if err != nil {
		return err
	}
	_, err = p.to.Write(append(line, '\n'))
	return err
}

// apart prints a row of totals or extremes.
func (p *printer) apart(r apartRow) error {
	switch {
	case p.table != nil:
		p.table.Apart(r.name, cells(r.values)...)
		return nil
	case p.csv != nil:
		return nil
	}
	line, err := p.object(r.values)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.to, "{%q:%s}\n", r.name, line)
	return err
}

// cells returns values in the form for a table.
func cells(values []any) []string {
	cells := make([]string, len(values))
	for i, v := range values {
		if cells[i] = fmt.Sprint(v); v == nil {
			cells[i] = ""
		}
	}
	return cells
}

func (p *printer) object(values []any) ([]byte, error) {
	line := []byte{'{'}
	for i, v := range values {
		if i > 0 {
			line = append(line, ',')
		}
		name, err := json.Marshal(p.columns[i])
		if err != nil {
			return nil, err
		}
		text, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		line = append(append(append(line, printable.JSON(name)...), ':'), printable.JSON(text)...)
	}
	return append(line, '}'), nil
}

func (p *printer) end() error {
	switch {
	case p.table != nil:
		if p.table.Len() == 0 {
			return nil // ClickHouse names columns only with the first rows
		}
		return p.table.Print(p.to, output.Table)
	case p.csv != nil:
		p.csv.Flush()
		return p.csv.Error()
	}
	return nil
}

// cell returns a value in the form for a spreadsheet.
func cell(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return printable.Spreadsheet(v)
	}
	return fmt.Sprint(v)
}
