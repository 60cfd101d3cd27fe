package form

import (
	"cmp"
	"strings"

	"ratemill/invoicing/document"
)

// ublText is the name (BT-153) and the description (BT-154) of what a line is for.
func ublText(l *document.Line, language string) (name, description string) {
	name = cmp.Or(xmlText(l.Text), xmlText(l.Product), string(l.Kind))
	var parts []string
	for _, p := range []string{l.Account, l.State, l.Class, l.Zone, l.Tariff} {
		if p = xmlText(p); p != "" {
			parts = append(parts, p)
		}
	}
	return name, strings.Join(parts, ", ")
}

// ublReason is the words of a reason for no tax.
func ublReason(reason, language string) string { return xmlText(reason) }
