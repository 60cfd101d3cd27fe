package backoffice

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"ratemill/internal/control"
	"ratemill/normalize"
	"ratemill/registry"
	"ratemill/udr"
)

// simsOf finds the SIMs that an identifier identifies now or identified before. The identifier is an ICCID, IMSI,
// MSISDN, IMEI, EID or name as people write it; if it is ambiguous, its kind and a colon come first
// ("imsi:214070050000011"). So a number that a SIM had last year still finds the SIM.
func simsOf(view *registry.View, text string) ([]uint32, error) {
	var sims []uint32
	for _, id := range meant(text) {
		sims = append(sims, view.EverNamed(id)...)
	}
	slices.Sort(sims)
	sims = slices.Compact(sims)
	if len(sims) == 0 {
		return nil, fmt.Errorf("no SIM of the registry has or had the identifier %s; `ratemill registry list ACCOUNT` lists the SIMs "+
			"of an account", text)
	}
	return sims, nil
}

// oneSIM is like simsOf, but allows only one SIM.
func oneSIM(view *registry.View, text string) (uint32, error) {
	sims, err := simsOf(view, text)
	if err != nil {
		return 0, err
	}
	if len(sims) > 1 {
		return 0, fmt.Errorf("%s was the identifier of %d SIMs, one after the other; `ratemill registry show %s` shows "+
			"them: use the ICCID or IMSI of one", text, len(sims), text)
	}
	return sims[0], nil
}

// identifiers returns the possible meanings of a text as an identifier, and all identifiers of the SIMs that it
// finds.
func identifiers(view *registry.View, text string) []udr.Identifier {
	all := meant(text)
	sims, _ := simsOf(view, text)
	for _, sim := range sims {
		for _, p := range view.History(sim) {
			if p.Identifier.Kind != udr.NoID && !slices.Contains(all, p.Identifier) {
				all = append(all, p.Identifier)
			}
		}
	}
	return all
}

// meant returns the identifiers that a text may be, in canonical form.
func meant(text string) (all []udr.Identifier) {
	kinds := []udr.IDKind{udr.ICCID, udr.IMSI, udr.MSISDN, udr.IMEI, udr.EID, udr.Name}
	if word, rest, ok := strings.Cut(text, ":"); ok {
		if kind, known := udr.ParseIDKind(strings.ToLower(word)); known {
			kinds, text = []udr.IDKind{kind}, rest
		}
	}
	text = strings.TrimSpace(text)
	digits := strings.TrimPrefix(strings.NewReplacer(" ", "", "-", "", "(", "", ")", "").Replace(text), "+")
	for _, kind := range kinds {
		values := []string{text, digits}
		if kind == udr.ICCID {
			if id, err := normalize.ParseICCID([]byte(digits)); err == nil {
				values = append(values, id.String())
			}
		}
		slices.Sort(values)
		for _, v := range slices.Compact(values) {
			if v != "" {
				all = append(all, udr.Identifier{Kind: kind, Value: v})
			}
		}
	}
	return all
}

// simPlace is the placeholder for a SIM's number; ClickHouse's own parameter syntax works too.
var simPlace = regexp.MustCompile(`\{sim(:UInt32)?\}`)

// WithSIM replaces the placeholder in a query with the number of the SIM that has an identifier. store is nil if it
// cannot be reached.
func WithSIM(ctx context.Context, store *control.Store, sql, identifier string) (string, error) {
	switch there := simPlace.MatchString(sql); {
	case identifier == "" && there:
		return "", errors.New("the SQL has {sim}, which needs --sim: give any identifier of the SIM with it")
	case identifier == "":
		return sql, nil
	case !there:
		return "", errors.New("--sim has no effect without {sim} in the SQL: where sim = {sim}")
	case store == nil:
		return "", errors.New("--sim looks up the SIM in the control store, which cannot be reached; `control` in the " +
			"configuration gives its address")
	}
	r := registry.New()
	if _, err := store.LoadSIMs(ctx, r, registry.NewStatements(), meant(identifier)); err != nil {
		return "", err
	}
	view := r.View()
	defer view.Close()
	number, err := oneSIM(view, identifier)
	if err != nil {
		return "", err
	}
	return simPlace.ReplaceAllLiteralString(sql, strconv.FormatUint(uint64(number), 10)), nil
}
