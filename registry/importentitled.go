package registry

import (
	"encoding/json"
	"strings"

	"ratemill/diag"
	"ratemill/udr"
)

// Entitled returns the reason why an account cannot have a resource for its SIMs at a time, or nil if it can.
type Entitled func(account, kind, name string, at udr.Instant) error

// The kinds of resources that rows choose without stating the kind.
const (
	planResource  = "price_plan"
	addonResource = "addon"
)

// choice is a resource that a row chooses for an account or a SIM.
type choice struct {
	account    uint32
	kind, name string
	at         udr.Instant
}

// choose checks that an account may have the resources that a row chooses for it or for one of its SIMs. Rows of
// accounts and resources are processed first, so the registry and the statements already contain them, as of the
// change set.
func (im *importer) choose(pos func() diag.Pos, account uint32, kind, name string, at udr.Instant) {
	if im.entitling == nil || account == 0 || name == "" {
		return
	}
	if im.chosen == nil {
		im.chosen = map[choice]error{}
		// The importer holds the registry's lock; a view that takes the lock would wait forever.
		im.entitled = im.entitling(&View{r: im.r}, im.statements, im.changes.Revision)
	}
	if im.entitled == nil {
		return
	}
	c := choice{account, kind, name, at}
	refused, known := im.chosen[c]
	if !known {
		refused = im.entitled(im.accountID(account), kind, name, at)
		c.kind, c.name = strings.Clone(kind), strings.Clone(name)
		im.chosen[c] = refused
	}
	if refused != nil {
		im.errorf(pos(), "%v", refused)
	}
}

// chooses checks the resources that a row of statements chooses for a SIM or an account.
func (im *importer) chooses(r *row, s *section, a about, name string, since udr.Instant, value string) {
	if im.entitling == nil || s.kind != KindSetting && s.kind != KindAddon {
		return
	}
	if s.kind == KindAddon {
		addon, _, _ := strings.Cut(name, "/")
		im.choose(func() diag.Pos { return r.at(colAddon) }, a.account, addonResource, addon, since)
		return
	}
	var setting struct {
		Name string `json:"name"`
	}
	if json.Unmarshal([]byte(value), &setting) == nil {
		im.choose(func() diag.Pos { return r.at(colKind) }, a.account, name, setting.Name, since)
	}
}
