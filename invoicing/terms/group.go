package terms

import (
	"slices"
	"strconv"
	"strings"

	"ratemill/diag"
	"ratemill/normalize"
	"ratemill/registry"
)

// Group is the catalogue document with the rules for the invoices of some payers.
type Group struct {
	Name        diag.Text     `yaml:"accounting_group,required" doc:"Name of the accounting group." example:"es-b2b"`
	From        registry.Date `yaml:"from" doc:"Date from which this version is in force. If omitted, it has always been in force." example:"2026-01-01"`
	Currency    diag.Text     `yaml:"currency,required" doc:"Currency of its payers." example:"EUR"`
	Numbers     Numbers       `yaml:"numbers,required" doc:"Number ranges."`
	Periodicity string        `yaml:"periodicity" default:"monthly" enum:"monthly|quarterly|half_yearly|yearly" doc:"How often an invoice is created. The charges of the cycles in between are on the next invoice."`
	IssueMonth  int           `yaml:"issue_month" doc:"Month, 1 to 12, whose cycle is the last of a period of several months. If omitted, quarters end in March, June, September and December, halves in June and December, years in December." example:"3"`
	Prices      string        `yaml:"prices" default:"net" enum:"net|gross" doc:"Whether the prices of the catalogue exclude or include tax."`
	Tax         diag.Text     `yaml:"tax,required" doc:"Tax table." example:"spain"`
	Grace       Days          `yaml:"grace" doc:"Days after the end of a cycle before it is closed, to allow for usage that comes late." example:"2 d"`
	OffCycle    string        `yaml:"off_cycle" default:"no" enum:"no|daily" doc:"daily: charges that arise within a cycle (activations, changes of state, one-off charges, purchases, corrections) get their own invoice; ratemill invoice run --off-cycle, which you run once a day, creates it."`
	Review      string        `yaml:"review" default:"required" enum:"required|none" doc:"Whether a user must review each document before it is final."`
	Template    diag.Text     `yaml:"template" doc:"File with a template beside this document, instead of the seller's: HTML blocks that replace those of ratemill's page." example:"es-b2b.html"`
	Hold        Hold          `yaml:"hold" doc:"Conditions under which a document is held."`
	Until       Cycles        `yaml:"late_until" doc:"Usage of its payers is rated up to this many billing cycles after the cycle of its use; later usage is suspended with the code late. It can shorten late_until in ratemill.yaml but not extend it: the stricter value applies. 1 to 120 cycles." example:"2 cycles"`
}

// Numbers holds the number ranges of a group.
type Numbers struct {
	Invoice    diag.Text `yaml:"invoice,required" doc:"Numbers of invoices: {year} is the year of issue, {n} the next number, {n:6} with at least six digits." example:"INV-{year}-{n:6}"`
	CreditNote diag.Text `yaml:"credit_note,required" doc:"Numbers of credit notes." example:"CN-{year}-{n:6}"`
}

// Hold sets the largest amount of suspended usage that a document may leave out.
type Hold struct {
	SuspenseRecords int `yaml:"suspense_records" doc:"Number of suspended records of the payer's SIMs up to which its document is not held." example:"100"`
}

// DocumentName implements rating.Version.
func (v *Group) DocumentName() diag.Text { return v.Name }

// InForce implements rating.Version.
func (v *Group) InForce() registry.Date { return v.From }

// Check implements the checks of diag.Decode.
func (v *Group) Check(n *diag.Node, c *diag.Decoder) {
	if code := v.Currency.Value; code != "" {
		if p, err := normalize.ParseCurrency([]byte(code)); err != nil || p.MinorUnits() < 0 {
			c.Errorf(v.Currency.Pos, "%q is not a currency in which invoices are paid; write its ISO 4217 code, such as EUR", code)
		}
	}
	if n.Member("issue_month") != nil {
		switch {
		case v.IssueMonth < 1 || v.IssueMonth > 12:
			c.Errorf(n.Member("issue_month").Pos, "issue_month is 1 to 12, not %d", v.IssueMonth)
		case v.Periodicity == "monthly":
			c.Errorf(n.Member("issue_month").Pos, "issue_month has no effect on monthly invoices; leave it out")
		}
	}
	if v.Hold.SuspenseRecords < 0 {
		c.Errorf(v.Name.Pos, "hold.suspense_records must be 0 or more, not %d", v.Hold.SuspenseRecords)
	}
	for _, t := range []diag.Text{v.Numbers.Invoice, v.Numbers.CreditNote} {
		if t.Value == "" {
			continue
		}
		if _, err := ParseRange(t.Value); err != nil {
			c.Errorf(t.Pos, "%v", err)
		}
	}
}

// Number returns the text of the number range of a document. Sandbox documents have separate ranges, so that
// the production ranges have no gaps.
func (v *Group) Number(negative, sandbox bool) string {
	text := v.Numbers.Invoice.Value
	if negative {
		text = v.Numbers.CreditNote.Value
	}
	if sandbox {
		text = Sandbox + text
	}
	return text
}

// Sandbox is the prefix of the numbers of sandbox documents.
const Sandbox = "TEST-"

// Ranges returns the texts of all number ranges of the group.
func (v *Group) Ranges() []string {
	return []string{v.Numbers.Invoice.Value, v.Numbers.CreditNote.Value}
}

// Months returns the number of months between two invoices.
func (v *Group) Months() int {
	return max(1, map[string]int{"quarterly": 3, "half_yearly": 6, "yearly": 12}[v.Periodicity])
}

// Issues reports whether an invoice is due when the cycle that begins on a date closes (rule R10).
func (v *Group) Issues(cycle registry.Date) bool {
	last := v.IssueMonth
	if last == 0 {
		last = 12
	}
	return (int(cycle.UTC().Month())-last)%v.Months() == 0
}

// Days is a number of days, written as 2 d.
type Days int

// UnmarshalNode implements diag.Unmarshaler.
func (v *Days) UnmarshalNode(n *diag.Node, d *diag.Decoder) {
	*v = Days(number(n, d, []string{"d", "day", "days"}, 0, 60, "2 d"))
}

// JSONSchema implements diag.Schemed.
func (*Days) JSONSchema() map[string]any {
	return map[string]any{"type": "string", "pattern": "^[0-9]+ *(d|days?)$"}
}

// Cycles is a number of billing cycles, written as 2 cycles.
type Cycles int

// UnmarshalNode implements diag.Unmarshaler.
func (v *Cycles) UnmarshalNode(n *diag.Node, d *diag.Decoder) {
	*v = Cycles(number(n, d, []string{"cycle", "cycles"}, 1, 120, "2 cycles"))
}

// JSONSchema implements diag.Schemed.
func (*Cycles) JSONSchema() map[string]any {
	return map[string]any{"type": "string", "pattern": "^[0-9]+ *cycles?$"}
}

// LateUntil implements rating.LateBound.
func (v *Group) LateUntil() int { return int(v.Until) }

func number(n *diag.Node, d *diag.Decoder, units []string, least, most int, example string) int {
	digits := strings.TrimRight(n.Text, "abcdefghijklmnopqrstuvwxyz ")
	unit := strings.TrimSpace(n.Text[len(digits):])
	v, err := strconv.Atoi(digits)
	if err != nil || !slices.Contains(units, unit) || v < least || v > most {
		d.Errorf(n.Pos, "%q is not a number from %d to %d with its unit; write it as %s", n.Text, least, most, example)
		return least
	}
	return v
}

func known(names []string, name string) bool { return slices.Contains(names, name) }
