package rating_test

import (
	"fmt"
	"math/rand"
	"time"

	"ratemill/registry"
	"ratemill/udr"
)

// contractLine is what the registry says of a contract from a time on.
type contractLine struct {
	Contract string `yaml:"contract"`
	Account  string `yaml:"account"`
	From     string `yaml:"from"`
	Start    string `yaml:"start"`
	Status   string `yaml:"status"`
}

func (l *contractLine) statement() registry.Statement {
	return registry.Statement{Kind: registry.KindContract, Subject: l.Contract, From: instant(l.From),
		Value: fmt.Appendf(nil, `{"account":%q,"start":%q,"status":%q}`, l.Account, l.Start, l.Status)}
}

// contracted is the first day of the contract by which the years of an account count: the oldest that runs, or that which ended last,
// of the account or the nearest one above that has any; "" if there is none.
func (r *naiveRater) contracted(a *accountLine, at udr.Instant) string {
	for ; a != nil; a = r.account(a.Parent) {
		now := map[string]contractLine{}
		for _, l := range r.world.Contracts {
			if before, known := now[l.Contract]; l.Account == a.ID && instant(l.From) <= at && (!known || instant(before.From) < instant(l.From)) {
				now[l.Contract] = l
			}
		}
		runs, ran := "", ""
		for _, l := range now {
			switch {
			case l.Status == "draft":
			case l.Status == "ended" || l.Status == "terminated":
				ran = max(ran, l.Start)
			case runs == "" || l.Start < runs:
				runs = l.Start
			}
		}
		if runs != "" {
			return runs
		}
		if ran != "" {
			return ran
		}
	}
	return ""
}

// naiveYear walks back day by day to the first of a contract year. Without a contract, years are those of the calendar.
func naiveYear(day time.Time, contracted string) string {
	if contracted == "" {
		contracted = "2000-01-01"
	}
	start, err := time.Parse(time.DateOnly, contracted)
	if err != nil {
		panic(err)
	}
	day = time.Date(day.Year(), day.Month(), day.Day(), 12, 0, 0, 0, time.UTC)
	for ; ; day = day.AddDate(0, 0, -1) {
		last := day.AddDate(0, 0, 1).Month() != day.Month()
		if day.Month() == start.Month() && (day.Day() == start.Day() || last && day.Day() < start.Day()) {
			return day.Format(time.DateOnly)
		}
	}
}

// randomContracts gives some accounts contracts: drafts, signed ones, and ones that end.
func randomContracts(r *rand.Rand, w *world) {
	for n := range r.Intn(2 * len(w.Accounts)) {
		l := contractLine{Contract: fmt.Sprint("c-", n), Account: w.Accounts[r.Intn(len(w.Accounts))].ID,
			Start: pick(r, "2025-02-07", "2024-02-29", "2026-01-31", "2025-10-25", "2026-03-29"), Status: pick(r, "draft", "active", "active")}
		w.Contracts = append(w.Contracts, l)
		if r.Intn(2) == 0 {
			l.From, l.Status = pick(r, "2026-01-31T22:30:00Z", "2026-03-29T00:30:00Z"), pick(r, "active", "ended", "terminated")
			w.Contracts = append(w.Contracts, l)
		}
	}
}
