package account

import (
	"slices"
	"strconv"
	"strings"

	"ratemill/decimal"
	"ratemill/diag"
)

// CreditPolicy is the catalogue document that defines what happens when an account's exposure approaches its
// credit limit.
type CreditPolicy struct {
	Name       diag.Text         `yaml:"credit_policy,required" doc:"Name of the policy. ratemill ships one named standard; a document with that name replaces it." example:"standard"`
	From       Date              `yaml:"from" doc:"Date (UTC) from which this version is in force. If omitted, it has always been in force." example:"2026-02-01"`
	Thresholds []CreditThreshold `yaml:"thresholds,required" doc:"Thresholds, ascending."`
}

// CreditThreshold is a threshold of a credit limit.
type CreditThreshold struct {
	At Percent  `yaml:"at,required" doc:"Threshold in percent of the limit, 1 to 1000." example:"80 %"`
	Do []string `yaml:"do" enum:"notify|suspend|block_activations" doc:"Action when the exposure reaches the threshold. notify: only an alert. suspend: an alert, and the payer is suspended with the active accounts below it and their SIMs, until the exposure has fallen below the threshold. block_activations: an alert, and until the exposure has fallen below the threshold, no account for which the payer pays becomes active, and nobody can set one of their SIMs to a state of core active; usage that begins billing still does."`
}

// The actions of a credit policy.
const (
	Notify           = "notify"
	Suspend          = "suspend"
	BlockActivations = "block_activations"
)

// Percent is a whole percentage.
type Percent int

// UnmarshalNode implements diag.Unmarshaler.
func (p *Percent) UnmarshalNode(n *diag.Node, d *diag.Decoder) {
	number := strings.TrimSpace(strings.TrimSuffix(n.Text, "%"))
	v, err := strconv.Atoi(number)
	if err != nil || v < 1 || v > 1000 {
		d.Errorf(n.Pos, "%q is not a percentage from 1 to 1000; write it as 80 %%", n.Text)
		return
	}
	*p = Percent(v)
}

// JSONSchema implements diag.Schemed.
func (*Percent) JSONSchema() map[string]any {
	return map[string]any{"type": []any{"string", "integer"}, "pattern": "^[0-9]+ ?%?$"}
}

func (v *CreditPolicy) DocumentName() diag.Text { return v.Name }
func (v *CreditPolicy) InForce() Date           { return v.From }

// Check implements the checks of diag.Decode.
func (v *CreditPolicy) Check(_ *diag.Node, c *diag.Decoder) {
	if len(v.Thresholds) == 0 {
		c.Errorf(v.Name.Pos, "credit policy %s has no thresholds", v.Name.Value)
	}
	if len(v.Thresholds) > mostThresholds {
		c.Errorf(v.Name.Pos, "credit policy %s has more than %d thresholds", v.Name.Value, mostThresholds)
	}
	for i := 1; i < len(v.Thresholds); i++ {
		if v.Thresholds[i].At != 0 && v.Thresholds[i].At <= v.Thresholds[i-1].At {
			c.Errorf(v.Name.Pos, "the thresholds of credit policy %s are not ascending: %d %% follows %d %%", v.Name.Value, v.Thresholds[i].At,
				v.Thresholds[i-1].At)
		}
	}
}

// mostThresholds is the largest number of thresholds of a policy.
const mostThresholds = 20

// Does reports whether the threshold requests an action.
func (t CreditThreshold) Does(action string) bool { return slices.Contains(t.Do, action) }

func validAmount(text string) bool {
	d, err := decimal.Parse(text)
	return err == nil && d.Sign() >= 0
}
