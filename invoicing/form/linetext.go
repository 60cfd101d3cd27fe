package form

import (
	"cmp"
	"strings"

	"ratemill/invoicing/document"
)

// what returns the description of a line: the text that was entered for a one-off, the kind and place of usage,
// or the name of the charged product. It does not clean the names.
func (w *words) what(l *document.Line) string {
	if l.Text != "" {
		return l.Text
	}
	if l.Kind == document.Usage {
		tariff := l.Tariff
		if tariff == l.Zone {
			tariff = ""
		}
		return join(", ", w.title(l.Kind, l.Class), readable(l.Zone), readable(tariff))
	}
	return cmp.Or(l.Product, w.title(l.Kind, ""))
}

// title returns the title for lines of a kind; for usage, the title for its class.
func (w *words) title(kind document.Kind, class string) string {
	if kind == document.Usage && class != "" {
		if text, ok := w.known("class_" + class); ok {
			return text
		}
		return readable(class)
	}
	if text, ok := w.known("kind_" + string(kind)); ok {
		return text
	}
	return readable(string(kind))
}

// reason returns the reason for a line without tax: one of the known reasons, or the seller's own words.
func (w *words) reason(reason string) string {
	if text, ok := w.known("reason_" + reason); ok {
		return text
	}
	return reason
}

// readable returns a catalogue name as it is printed: in_billing becomes "in billing".
func readable(name string) string { return strings.ReplaceAll(name, "_", " ") }
