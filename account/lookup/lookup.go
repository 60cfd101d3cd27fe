// Package lookup queries a register of companies over HTTP.
//
// It owns the request and its limits: the allowed addresses, the timeout and the size of the answer. It maps the
// answer's fields to the fields of a company, and returns their values unchanged, with source and time. It does
// not own the mandatory fields of a company (account.Company). It confirms nothing; only a user can do that.
//
// Start at Service.
package lookup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"ratemill/account"
)

// Options identify the register and define the request.
type Options struct {
	// URL is the address of a company in the register. {number} and {country} in its path or query are
	// placeholders for the values.
	URL string
	// Fields maps the fields of a company, such as address.city, to their places in the answer as JSON pointers (RFC
	// 6901).
	Fields  map[string]string
	Token   string        // sent as a bearer token; "" for none
	Timeout time.Duration // time limit of the whole request; 0 means 10 s
	Private bool          // also allow private and local addresses, and http
	Now     func() time.Time
}

// Limits of a request.
const (
	defaultTimeout = 10 * time.Second
	mostBytes      = 1 << 20
	mostShown      = 1000 // number of characters of a field in an error
)

// Service is a register of companies.
type Service struct {
	Options
	client *http.Client
}

// Found is the entry of a company in a register.
type Found struct {
	Fields map[string]string // exactly as in the register
	Source account.Source
}

// New checks the options, and reports all mistakes in them.
func New(o Options) (*Service, error) {
	var wrong []error
	u, err := url.Parse(strings.NewReplacer("{number}", "1", "{country}", "XX").Replace(o.URL))
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		wrong = append(wrong, fmt.Errorf("%q is not the address of a register, such as https://register.example/{country}/{number}", o.URL))
	case u.Scheme == "http" && !o.Private:
		wrong = append(wrong, errors.New("the address of the register begins with http, so its answer could be changed on the way: use https"))
	case !strings.Contains(o.URL, "{number}"):
		wrong = append(wrong, errors.New("the address of the register has no {number}, so it would give the same company each time"))
	}
	if len(o.Fields) == 0 {
		wrong = append(wrong, errors.New("fields is empty, so nothing is taken from the answer; write fields: { name: /name }"))
	}
	known := account.CompanyFields()
	for _, field := range slices.Sorted(maps.Keys(o.Fields)) {
		if !slices.Contains(known, field) {
			wrong = append(wrong, fmt.Errorf("%s is not a field of a company; the fields are %s", field, strings.Join(known, ", ")))
		}
		if pointer := o.Fields[field]; pointer != "" && !strings.HasPrefix(pointer, "/") {
			wrong = append(wrong, fmt.Errorf("the place of %s must be a JSON pointer, which begins with a slash, not %q", field, pointer))
		}
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Service{o, client(o)}, errors.Join(wrong...)
}

func client(o Options) *http.Client {
	return &http.Client{
		Timeout: o.Timeout,
		Transport: &http.Transport{
			// A proxy would reach addresses that the dialer refuses, so none is used.
			DialContext: dialer(o.Private).DialContext, MaxResponseHeaderBytes: 64 << 10, DisableKeepAlives: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Find queries the register for a company by its number and the country of the register.
func (s *Service) Find(ctx context.Context, number, country string) (*Found, error) {
	address := strings.NewReplacer("{number}", url.PathEscape(number), "{country}", url.PathEscape(country)).Replace(s.URL)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("cannot query the register: %w", err)
	}
	request.Header.Set("Accept", "application/json")
	if s.Token != "" {
		request.Header.Set("Authorization", "Bearer "+s.Token)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("the register does not answer: %w", plainly(err))
	}
	defer response.Body.Close()
	switch {
	case response.StatusCode == http.StatusNotFound:
		return nil, fmt.Errorf("the register at %s has no company %s", request.URL.Host, number)
	case response.StatusCode >= 300 && response.StatusCode < 400:
		return nil, fmt.Errorf("the register redirects to %s, and ratemill does not follow redirects; if the new address is "+
			"right, write it into ratemill.yaml",
			strconv.Quote(response.Header.Get("Location")))
	case response.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("the register at %s answers %s", request.URL.Host, response.Status)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, mostBytes+1))
	if err != nil {
		return nil, fmt.Errorf("the register's answer is incomplete: %w", plainly(err))
	}
	if len(body) > mostBytes {
		return nil, fmt.Errorf("the register's answer is larger than %d bytes", mostBytes)
	}
	found := &Found{Fields: map[string]string{}, Source: account.Source{Service: address, At: s.Now().UTC().Truncate(time.Second)}}
	var answer any
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.UseNumber()
	if err := d.Decode(&answer); err != nil {
		return nil, fmt.Errorf("the register's answer is not JSON: %w", err)
	}
	for field, pointer := range s.Fields {
		if text, ok := at(answer, pointer); ok {
			found.Fields[field] = text
		}
	}
	if len(found.Fields) == 0 {
		return nil, errors.New("the register's answer has none of the fields that ratemill.yaml names; the format of its " +
			"answers may have changed")
	}
	return found, nil
}

// plainly returns an error without the address, because the caller adds the address and it may contain a token.
func plainly(err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		return u.Err
	}
	return err
}

// at returns the text at a JSON pointer, false if there is none.
func at(value any, pointer string) (string, bool) {
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
		switch v := value.(type) {
		case map[string]any:
			value = v[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(v) {
				return "", false
			}
			value = v[i]
		default:
			return "", false
		}
	}
	var text string
	switch v := value.(type) {
	case string:
		text = v
	case json.Number:
		text = v.String()
	default:
		return "", false
	}
	if runes := []rune(text); len(runes) > mostShown {
		text = string(runes[:mostShown])
	}
	return text, text != ""
}
