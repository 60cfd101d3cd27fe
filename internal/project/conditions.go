package project

import (
	"slices"
	"strings"

	"ratemill/diag"
)

// fieldsOfSources are the words of price conditions that have a value only where rules set the field.
var fieldsOfSources = []string{"apn", "imei", "cell", "session", "direction", "duration", "up", "down", "peer"}

// checkConditions warns of conditions of prices that read what no source sets: the value would always be empty.
func (p *Project) checkConditions(list *diag.List) {
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
