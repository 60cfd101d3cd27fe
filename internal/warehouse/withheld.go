package warehouse

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"

	"ratemill/registry"
)

// Rows of facts never change, and everyone who can read the warehouse can read them. So personal data, bank accounts,
// the locations of secrets, and free text stay in the control store, where they can be erased. This file lists the
// fields of each kind that may be shown. All other fields, including those declared later, are withheld.

// shownFields lists the fields of a kind's value that go to the warehouse; dots separate nested fields.
var shownFields = map[registry.Kind][]string{
	registry.KindCompany: {"name", "kind", "type", "registration", "vat", "address.country"},
	registry.KindProject: {"company", "name", "single_bill"},
	registry.KindStatus:  {"status", "cascade", "pinned"},
	registry.KindProfile: {"accounting_group", "cycle_day", "billable", "cost_centre", "zero_vat", "payment.method", "payment.target",
		"delivery",
		"e_invoice.format", "format", "language", "billing_address", "threshold", "mrc", "rating_type", "prepaid_renewal", "activation",
		"credit_limit",
		"credit_policy", "anchor_month"},
	registry.KindSettings: {all},
	registry.KindResource: {"inactive", "default", "access"},
	registry.KindGroup:    {"account", "name"},
	registry.KindMember:   {all},
	registry.KindSetting:  {"name"},
	registry.KindDetails: {"name", "external_number", "report_retention", "application_types", "device_types", "custom_support", "blacklisted",
		"expected_activations"},
	registry.KindContact:  {},
	registry.KindAddress:  {"country"},
	registry.KindAddon:    {"quantity", "price"},
	registry.KindContract: {"document", "account", "start", "term", "status", "noticed", "coterminates", "products"},
	registry.KindPackage:  {"cap", "renewal", "price", "currency"},
	registry.KindOneOff:   {"payer", "account", "sim", "product", "amount", "currency", "period", "adjusts"},
	registry.KindPayment:  {"payer", "amount", "currency", "document", "date", "kind", "credited"},
}

// all represents every field.
const all = "*"

// shown returns the part of a statement's value that goes to the warehouse, and the withheld fields.
func shown(kind registry.Kind, value []byte) (show []byte, withheld []string, err error) {
	fields := shownFields[kind]
	if len(value) == 0 || slices.Contains(fields, all) {
		return value, nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(value))
	d.UseNumber()
	var tree any
	if err := d.Decode(&tree); err != nil {
		return nil, nil, err
	}
	object, ok := tree.(map[string]any)
	if !ok {
		return nil, []string{all}, nil
	}
	withheld = keep(object, "", fields)
	if show, err = json.Marshal(object); err != nil {
		return nil, nil, err
	}
	show, err = registry.CanonicalJSON(show)
	return show, withheld, err
}

// keep removes fields that are not shown from an object, and returns their paths.
func keep(object map[string]any, prefix string, fields []string) (withheld []string) {
	for _, name := range slices.Sorted(maps.Keys(object)) {
		path := prefix + name
		if slices.Contains(fields, path) {
			continue
		}
		within := slices.ContainsFunc(fields, func(f string) bool { return len(f) > len(path) && f[:len(path)] == path && f[len(path)] == '.' })
		if below, ok := object[name].(map[string]any); ok && within {
			withheld = append(withheld, keep(below, path+".", fields)...)
			if len(below) > 0 {
				continue
			}
		} else {
			withheld = append(withheld, path)
		}
		delete(object, name)
	}
	return withheld
}
