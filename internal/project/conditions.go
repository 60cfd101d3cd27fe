package project

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"ratemill/account"
	"ratemill/diag"
)

// fieldsOfSources are the names in price conditions that have a value only if rules set the field.
var fieldsOfSources = []string{"apn", "imei", "cell", "session", "direction", "duration", "up", "down", "peer"}

// checkCustom warns about custom fields in price conditions that no document declares: the value would always be empty.
func (p *Project) checkCustom(list *diag.List) {
	docs, _ := account.DocumentsOf(p.Catalogue) // check reports the mistakes of these documents
	told := map[string]bool{}
	p.Catalogue.ConditionReads(func(name string, at diag.Pos) {
		of, field, custom := strings.Cut(name, ".custom.")
		key := name + " " + at.String()
		if !custom || of != "account" && of != "profile" || told[key] || docs.Custom(of)[field] != nil {
			return
		}
		told[key] = true
		known := slices.Sorted(maps.Keys(docs.Custom(of)))
		list.Warnf(at, "no custom_fields document declares field %s of %s, so it is always empty here%s", field, of,
			cmp.Or(diag.Suggest(field, known), "; declare it, or correct its name"))
	})
}

// checkConditions warns about price conditions that read values that no source sets: they would always be empty.
func (p *Project) checkConditions(list *diag.List) {
	p.checkCustom(list)
	if p.Sources == nil || len(p.Sources.Sources) == 0 || list.HasErrors() {
		return
	}
	told := map[diag.Pos]bool{}
	p.Catalogue.ConditionReads(func(name string, at diag.Pos) {
		if told[at] || !strings.HasPrefix(name, "attr.") && !slices.Contains(fieldsOfSources, name) {
			return
		}
		for _, s := range p.Sources.Sources {
			if s.Program == nil || s.Program.Sets(name) {
				return
			}
		}
		told[at] = true
		list.Warnf(at, "no source sets %s, so it is always empty here; let the rules set it, as in `set: { %s: … }`", name, name)
	})
}
