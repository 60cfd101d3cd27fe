package demo

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"ratemill/internal/backoffice"
	"ratemill/internal/output"
)

// reseller is the account whose tree and SIMs the report shows; its batch is in the project.
const reseller = "fjordnet"

const (
	firstUses = 3 // number of SIMs that are shown with their first use
	batchPath = "project/changes/" + reseller + ".csv"
)

// lives shows a reseller's accounts, and how its SIMs changed: by first use, by a limit, by a batch.
func (e *environment) lives(ctx context.Context, office *backoffice.Office, o Options) error {
	accounts, err := office.ListAccounts(ctx, backoffice.AccountQuestion{As: reseller}, "")
	if err != nil {
		return err
	}
	to := o.Words
	fmt.Fprintf(to, "The reseller %s and the accounts below it\n", reseller)
	for _, a := range accounts {
		fmt.Fprintf(to, "  %-12s  %s, company %s\n", strings.Repeat("  ", a.Level-accounts[0].Level)+a.ID, a.Status, a.Company)
	}
	fmt.Fprintf(to, "  $ %s account list --as %s\n\n", o.Ask, reseller)
	if err := e.byUsage(ctx, office, o); err != nil {
		return err
	}
	return e.batch(ctx, office, o)
}

// byUsage shows which SIMs became active by first use, and which were suspended by a limit.
func (e *environment) byUsage(ctx context.Context, office *backoffice.Office, o Options) error {
	sims, err := office.ListSIMs(ctx, backoffice.SIMQuestion{As: reseller}, backoffice.SIMFilter{Account: reseller, Limit: 100})
	if err != nil {
		return err
	}
	var active, suspended []string
	var used, limited string // SIMs to query
	for _, sim := range sims.SIMs {
		facts, err := office.SIMHistory(ctx, sim.ICCID, reseller)
		if err != nil {
			return err
		}
		for _, f := range facts {
			switch {
			case f.What != "state" || f.Corrected != 0 || !strings.HasPrefix(f.Cause, "usage:"):
			case strings.HasSuffix(f.Cause, ":limit_passed"):
				limit, err := e.limitOf(ctx, sim.SIM)
				if err != nil {
					return err
				}
				suspended = append(suspended, fmt.Sprintf("  %s  %s  suspended by limit %s", sim.ICCID, f.Since, limit))
				limited = sim.ICCID
			default:
				active = append(active, fmt.Sprintf("  %s  %s  %s", sim.ICCID, f.Since, f.Value))
				if used == "" {
					used = sim.ICCID
				}
			}
		}
	}
	fmt.Fprintf(o.Words, "%d of its %d SIMs became active by first use\n", len(active), sims.All)
	for i, line := range active {
		if i == firstUses {
			fmt.Fprintf(o.Words, "  and %d more: %s sim list %s\n", len(active)-i, o.Ask, reseller)
			break
		}
		fmt.Fprintln(o.Words, line)
	}
	history(o, used)
	fmt.Fprintln(o.Words, "A limit suspended a SIM when its usage passed it")
	for _, line := range suspended {
		fmt.Fprintln(o.Words, line)
	}
	history(o, limited)
	return nil
}

func history(o Options, sim string) {
	if sim != "" {
		fmt.Fprintf(o.Words, "  $ %s sim history %s\n", o.Ask, sim)
	}
	fmt.Fprintln(o.Words)
}

// limitOf returns the limit that suspended a SIM.
func (e *environment) limitOf(ctx context.Context, sim uint32) (limit string, err error) {
	err = e.engines.Warehouse.Conn().QueryRow(ctx,
		"SELECT any(name) FROM usage_events WHERE event = 'limit.suspends' AND sim = ?", sim).Scan(&limit)
	return limit, err
}

// batch runs the reseller's batch. Its id follows from its content, so a later demo does not run it again.
func (e *environment) batch(ctx context.Context, office *backoffice.Office, o Options) error {
	file, err := os.Open(filepath.Join(e.dir, batchPath))
	if err != nil {
		return err
	}
	defer file.Close()
	var lines []backoffice.BatchLine
	order := backoffice.BatchOrder{SIMOrder: backoffice.SIMOrder{Who: "demo", Why: "batch of the demo", As: reseller}}
	done, err := office.RunBatch(ctx, batchPath, file, order, func(l backoffice.BatchLine) error {
		lines = append(lines, l)
		return nil
	})
	if err != nil {
		return err
	}
	again := ""
	if done.Before == done.Lines {
		again = " (by an earlier demo)"
	}
	fmt.Fprintf(o.Words, "A batch changed its SIMs%s: %d lines done, %d refused\n", again, done.Done, done.Refused)
	for _, l := range lines {
		fmt.Fprintf(o.Words, "  line %d  %s  %s %s  %s\n", l.Line, l.SIM, l.Operation, l.Arguments, l.Result)
		if l.Why != "" {
			if err := output.Words(o.Words, "          "+l.Why+"\n", 10); err != nil {
				return err
			}
		}
	}
	fmt.Fprintf(o.Words, "  $ %s sim batch %s \\\n      --as %s --why TICKET-17\n\n", o.Ask, filepath.Join(o.Dir, batchPath), reseller)
	return nil
}
