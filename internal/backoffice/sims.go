package backoffice

import (
	"fmt"
	"slices"
	"strings"

	"ratemill/normalize"
	"ratemill/registry"
	"ratemill/udr"
)

// SIMs finds the SIMs that an identifier names or ever named: an ICCID, IMSI, MSISDN, IMEI, EID or name, in people's
// notation, with its kind and a colon before it if ambiguous ("imsi:214070050000011"). So a number that a SIM had last
// year still finds it.
func SIMs(view *registry.View, text string) ([]uint32, error) {
	var sims []uint32
	for _, id := range meant(text) {
		sims = append(sims, view.EverNamed(id)...)
	}
	slices.Sort(sims)
	sims = slices.Compact(sims)
	if len(sims) == 0 {
		return nil, fmt.Errorf("no SIM of the registry has or had the identifier %s; `ratemill registry list ACCOUNT` lists the SIMs of an account", text)
	}
	return sims, nil
}

// OneSIM is SIMs if only one is allowed.
func OneSIM(view *registry.View, text string) (uint32, error) {
	sims, err := SIMs(view, text)
	if err != nil {
		return 0, err
	}
	if len(sims) > 1 {
		return 0, fmt.Errorf("%s named %d SIMs, one after the other; `ratemill registry show %s` shows them: use the ICCID or IMSI of one", text, len(sims), text)
	}
	return sims[0], nil
}

// Identifiers are the possible meanings of a text as an identifier, and all identifiers of the SIMs that it finds.
func Identifiers(view *registry.View, text string) []udr.Identifier {
	all := meant(text)
	sims, _ := SIMs(view, text)
	for _, sim := range sims {
		for _, p := range view.History(sim) {
			if p.Identifier.Kind != udr.NoID && !slices.Contains(all, p.Identifier) {
				all = append(all, p.Identifier)
			}
		}
	}
	return all
}

// meant are the possible identifiers for a text, in their canonical forms.
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
