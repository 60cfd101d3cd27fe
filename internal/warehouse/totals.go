package warehouse

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/shopspring/decimal"

	"ratemill/internal/accesserr"
	"ratemill/internal/backoff"
)

// Over HTTP, the Native format that the driver reads does not contain the rows that ClickHouse sends separately for
// WITH TOTALS and the setting extremes. So such a query uses a format that contains them.

// apartClause recognises such a query. It may also match a query that has the words only in a text, which does no
// harm.
var apartClause = regexp.MustCompile(`(?i)\bwith\s+totals\b|\bextremes\s*=`)

var comments = regexp.MustCompile(`(?s)/\*.*?\*/|--[^\n]*|#[! ][^\n]*`)

// AsksApart reports whether a query requests rows that are sent apart from the others.
func AsksApart(query string) bool {
	return apartClause.MatchString(comments.ReplaceAllString(query, " "))
}

// apartRow is a row that is sent apart from the others.
type apartRow struct {
	name   string // totals, minimum, maximum
	values []any
}

// mostAnswer is the largest answer that is held in memory completely; such queries have few groups.
const mostAnswer = 256 << 20

// answered is an answer of ClickHouse in its format JSONCompact.
type answered struct {
	Meta     []struct{ Name, Type string }
	Data     [][]any
	Totals   []any
	Extremes struct{ Min, Max []any }
}

// printApart does the same as Print for a query with rows that are sent apart.
func (w *Warehouse) printApart(ctx context.Context, to io.Writer, format Format, query string) (n int, err error) {
	if w.options.Protocol == clickhouse.Native {
		return 0, errors.New("rows of WITH TOTALS and extremes are only shown of a ClickHouse that is reached by HTTP, and " +
			"clickhouse.dsn names the native protocol; write GROUP BY … WITH ROLLUP, whose totals are rows, or http:// or https:// " +
			"with ClickHouse's HTTP port into the DSN")
	}
	a, err := w.ask(ctx, query)
	if away := (*backoff.UnavailableError)(nil); errors.As(err, &away) && strings.Contains(err.Error(), "(READONLY)") {
		return 0, refusedToWrite(away.Err)
	}
	if err != nil {
		return 0, err
	}
	columns, types := make([]string, len(a.Meta)), make([]string, len(a.Meta))
	for i, m := range a.Meta {
		columns[i], types[i] = m.Name, m.Type
	}
	p, err := newPrinter(to, format, columns, types)
	if err != nil {
		return 0, err
	}
	shown := func(row []any) ([]any, error) {
		for i := range row {
			if row[i], err = value(columns[i], types[i], row[i]); err != nil {
				return nil, err
			}
		}
		return row, nil
	}
	for _, row := range a.Data {
		if row, err = shown(row); err == nil {
			err = p.row(row)
		}
		if err != nil {
			return n, err
		}
		n++
	}
	for _, apart := range []apartRow{{"totals", a.Totals}, {"minimum", a.Extremes.Min}, {"maximum", a.Extremes.Max}} {
		if apart.values == nil {
			continue
		}
		if apart.values, err = shown(apart.values); err == nil {
			err = p.apart(apart)
		}
		if err != nil {
			return n, err
		}
	}
	return n, p.end()
}

// ask sends a query by HTTP, with the user and settings of the connection.
func (w *Warehouse) ask(ctx context.Context, query string) (a *answered, err error) {
	const what = "answer the query"
	settings := url.Values{
		"default_format": {"JSONCompact"}, "wait_end_of_query": {"1"}, "date_time_output_format": {"iso"},
		"output_format_json_quote_decimals":       {"1"},
		"output_format_json_quote_64bit_integers": {"0"}, "output_format_json_quote_denormals": {"1"}, "readonly": {"2"},
	}
	for i := range w.options.Addr {
		address := w.options.Addr[(int(w.address.Load())+i)%len(w.options.Addr)]
		var req *http.Request
		if req, err = w.request(ctx, address, settings); err != nil {
			return nil, err
		}
		req.Body, req.ContentLength = io.NopCloser(strings.NewReader(query)), int64(len(query))
		var text []byte
		if text, err = w.read(req, what); err == nil {
			a = &answered{}
			d := json.NewDecoder(bytes.NewReader(text))
			d.UseNumber()
			if err := d.Decode(a); err != nil {
				return nil, fmt.Errorf("ClickHouse's answer cannot be read (with a FORMAT, or one that is not a SELECT?): %w", err)
			}
			return a, nil
		}
		if !backoff.Unavailable(err) {
			return nil, err
		}
	}
	return nil, err
}

// request returns a POST to a server, with the login, the database and the settings of the connection in addition to
// the given ones.
func (w *Warehouse) request(ctx context.Context, address string, query url.Values) (*http.Request, error) {
	o := w.options
	all := url.Values{"database": {o.Auth.Database}}
	for name, value := range o.Settings {
		all.Set(name, fmt.Sprint(value))
	}
	for name, values := range query {
		all[name] = values
	}
	u := url.URL{Scheme: "http", Host: address, Path: "/" + strings.TrimPrefix(o.HttpUrlPath, "/"), RawQuery: all.Encode()}
	if o.TLS != nil {
		u.Scheme = "https"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), nil)
	if err != nil {
		return nil, err
	}
	if o.Auth.Username != "" {
		req.Header.Set("X-ClickHouse-User", o.Auth.Username)
		req.Header.Set("X-ClickHouse-Key", o.Auth.Password)
	}
	for name, value := range o.HttpHeaders {
		req.Header.Set(name, value)
	}
	return req, nil
}

// read sends a query and returns the answer.
func (w *Warehouse) read(req *http.Request, what string) ([]byte, error) {
	res, err := w.client.Do(req)
	if err != nil {
		if req.Context().Err() != nil {
			return nil, context.Cause(req.Context())
		}
		return nil, Away(what, accesserr.Encrypted(err, fields))
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, mostAnswer+1))
	if err != nil {
		return nil, Away(what, err)
	}
	if err := judged(res, what, text); err != nil {
		return nil, err
	}
	if len(text) > mostAnswer {
		return nil, fmt.Errorf("the answer is larger than %d MiB; ask for fewer rows", mostAnswer>>20)
	}
	return text, nil
}

// judged returns the error in an answer.
func judged(res *http.Response, what string, text []byte) error {
	code, _ := strconv.Atoi(res.Header.Get("X-ClickHouse-Exception-Code"))
	if res.StatusCode == http.StatusOK && code == 0 {
		return nil
	}
	message := strings.TrimSpace(string(text))
	if code == 0 {
		// The answer is not from ClickHouse itself, but from a proxy in front of it.
		return Away(what, fmt.Errorf("%s: %.300s", res.Status, message))
	}
	return explain(what, code, message)
}

// value converts a value that JSONCompact returns for a type to the form of plain.
func value(column, typ string, v any) (any, error) {
	text, ok := v.(string)
	if !ok {
		return v, nil
	}
	switch typ = inner(typ); {
	case strings.HasPrefix(typ, "Decimal"):
		d, err := decimal.NewFromString(text)
		return d.String(), err
	case strings.HasPrefix(typ, "DateTime"):
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return text, nil
		}
		return at.Format(time.RFC3339Nano), nil
	case strings.HasPrefix(typ, "FixedString"):
		if strings.ContainsRune(text, '\ufffd') { // JSONCompact replaces bytes that are not text with it
			return nil, fmt.Errorf("column %s holds bytes that are no text, and cannot be shown beside totals; write hex(%s)", column,
				column)
		}
		return fmt.Sprintf("%x", text), nil
	}
	return text, nil
}

// inner returns a type without the wrappers that describe its storage.
func inner(typ string) string {
	for _, wrapping := range []string{"LowCardinality(", "Nullable("} {
		if rest, ok := strings.CutPrefix(typ, wrapping); ok {
			typ = strings.TrimSuffix(rest, ")")
		}
	}
	return typ
}
