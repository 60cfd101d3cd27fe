package mediation

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/udr"
)

// One of the usage records of a raw record waits. The rules have changed since: their usage records of the raw record
// may now be in another order, or be more, or have another SIM.
func TestThePartThatWaitsIsRecognisedByWhatItIs(t *testing.T) {
	usage := func(sim string, quantity int64) udr.Usage {
		return udr.Usage{Class: "data", At: 5, Quantity: quantity, Identifier: udr.Identifier{Kind: udr.IMSI, Value: sim}}
	}
	was := usage("b", 2)
	entry := &RetryRecord{Suspended: udr.Suspended{Part: 2, Parts: 3, Usage: udr.AppendUsage(nil, &was)}}
	for name, c := range map[string]struct {
		now  []udr.Usage
		want int
		why  string
	}{
		"as it was":                             {[]udr.Usage{usage("a", 1), usage("b", 2), usage("c", 3)}, 1, ""},
		"in another order":                      {[]udr.Usage{usage("b", 2), usage("c", 3), usage("a", 1)}, 0, ""},
		"in another order, of equal quantities": {[]udr.Usage{usage("b", 2), usage("a", 2), usage("c", 2)}, 0, ""},
		"one of more":                           {[]udr.Usage{usage("a", 1), usage("x", 9), usage("b", 2), usage("c", 3)}, 2, ""},
		"its SIM is read now":                   {[]udr.Usage{usage("a", 1), usage("B", 2), usage("c", 3)}, 1, ""},
		"two that are alike, in their places":   {[]udr.Usage{usage("b", 2), usage("b", 2), usage("c", 3)}, 1, ""},
		"two that are alike among more": {[]udr.Usage{usage("b", 2), usage("b", 2), usage("c", 3), usage("d", 4)}, 0,
			"2 of them have its class, time and quantity"},
		"its SIM is read now, and may be two": {[]udr.Usage{usage("a", 2), usage("B", 2), usage("c", 3)}, 0,
			"2 of them have its class, time and quantity"},
		"another one alone is left": {[]udr.Usage{usage("a", 2)}, 0,
			"the one with its class, time and quantity has another SIM, and may be one of the others"},
		"with another quantity": {[]udr.Usage{usage("a", 1), usage("b", 4), usage("c", 3)}, 0, "none of them has its class, time and quantity"},
	} {
		got, why := waitingPart(entry, c.now)
		require.Equal(t, c.want, got, name)
		require.Equal(t, c.why, why, name)
	}
	_, why := waitingPart(&RetryRecord{Suspended: udr.Suspended{Part: 1, Parts: 2}}, []udr.Usage{was, was})
	require.Equal(t, "it is not known which of them this one was", why)
}
