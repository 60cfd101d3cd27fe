package backoffice_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/internal/backoffice"
)

// Two programs that make the same request at the same time change the SIM, or the account, once.
func TestAKeyIsUsedOnceByRequestsAtTheSameTime(t *testing.T) {
	onBoth(t, 1, func(t *testing.T, p *park) {
		for name, change := range map[string]func() (facts int, notes []string, err error){
			"SIM": func() (int, []string, error) {
				order := backoffice.SIMOrder{Who: "ana", Why: "a test", Key: "at-once"}
				made, err := p.ChangeSIM(t.Context(), order, backoffice.SIMWish{SIM: imsi(1), Do: backoffice.SetSIMState, To: "in_billing"})
				if err != nil {
					return 0, nil, err
				}
				return len(made.Facts), made.Notes, nil
			},
			"account": func() (int, []string, error) {
				order := backoffice.ChargeOrder{AccountOrder: by(""), Account: "initech", Product: "installation", Amount: "12.00"}
				order.Key = "charge-at-once"
				made, err := p.AddCharge(t.Context(), order)
				if err != nil {
					return 0, nil, err
				}
				return len(made.Facts), made.Notes, nil
			},
		} {
			var all sync.WaitGroup
			var facts [4]int
			var notes [4][]string
			var errs [4]error
			for i := range facts {
				all.Go(func() { facts[i], notes[i], errs[i] = change() })
			}
			all.Wait()
			changed := 0
			for i := range facts {
				require.NoError(t, errs[i], name)
				if facts[i] > 0 {
					changed++
					continue
				}
				require.Contains(t, strings.Join(notes[i], " "), "nothing was changed", name)
			}
			require.Equal(t, 1, changed, name)
		}
	})
}
