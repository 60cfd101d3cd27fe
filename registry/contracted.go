package registry

import (
	"encoding/json"
	"time"

	"ratemill/udr"
)

// contracts contains the first days of contracts, from which rating counts contract years. The other fields of a
// contract are statements, which a Registry does not contain.
type contracts struct {
	accounts [][]contracted // by account number
}

// contracted is the content of a contract from a time on, as known from a revision on.
type contracted struct {
	contract string
	from     udr.Instant
	known    Revision
	state    State
	start    int32
	signed   bool // the contract is not a draft
	over     bool // ended or terminated
}

func (c *contracts) load(numbers map[string]uint32, statements []Statement, known Revision) {
	for i := range statements {
		s := &statements[i]
		if s.Kind != KindContract {
			continue
		}
		var v struct{ Account, Start, Status string }
		f := contracted{contract: s.Subject, from: s.From, known: known, state: s.State}
		if len(s.Value) > 0 && json.Unmarshal(s.Value, &v) == nil {
			day, err := time.Parse(time.DateOnly, v.Start)
			f.start, f.signed, f.over = int32(day.Unix()/daySeconds), err == nil && v.Status != "draft", v.Status == "ended" ||
				v.Status == "terminated"
		}
		if number, ok := numbers[v.Account]; ok {
			c.add(number, f)
			continue
		}
		for number := range c.accounts { // a statement that ends or withdraws another one does not contain the account
			for _, o := range c.accounts[number] {
				if o.contract == f.contract {
					c.add(uint32(number), f)
					break
				}
			}
		}
	}
}

func (c *contracts) add(number uint32, f contracted) {
	for int(number) >= len(c.accounts) {
		c.accounts = append(c.accounts, nil)
	}
	for i, o := range c.accounts[number] {
		if o.contract == f.contract && o.from == f.from && o.known == f.known {
			c.accounts[number][i] = f
			return
		}
	}
	c.accounts[number] = append(c.accounts[number], f)
}

// start returns the first day of an account's oldest contract in force at a time or, if none is in force, of the
// contract that ended last.
func (c *contracts) start(account uint32, at udr.Instant, rev Revision) (day int32, ok bool) {
	if int(account) >= len(c.accounts) {
		return 0, false
	}
	facts, runs := c.accounts[account], false
	for i := range facts {
		f := &facts[i]
		if !f.signed || !c.newest(facts, f, at, rev) {
			continue
		}
		switch {
		case !f.over && (!runs || f.start < day):
			day, runs = f.start, true
		case f.over && !runs && (!ok || f.start > day):
			day = f.start
		}
		ok = true
	}
	return day, ok
}

// newest reports whether a fact is the newest one about its contract.
func (c *contracts) newest(facts []contracted, f *contracted, at udr.Instant, rev Revision) bool {
	holds := func(o *contracted) bool {
		if o.from > at || o.known > rev || !o.state.begins() {
			return false
		}
		for i := range facts {
			if w := &facts[i]; w.contract == o.contract && w.from == o.from && w.known > o.known && w.known <= rev {
				return false // it was withdrawn or replaced
			}
		}
		return true
	}
	if !holds(f) {
		return false
	}
	for i := range facts {
		if o := &facts[i]; o.contract == f.contract && o.from > f.from && holds(o) {
			return false
		}
	}
	return true
}

// Contracted returns the local date from which the contract years of an account are counted, in days since
// 1970-01-01: the first day of its oldest contract in force, or else of the contract that ended last. It uses the
// contracts of the account or of the nearest account above that has contracts. If there is no contract, it
// returns the day on which the account began. Contract years are calendar years if the account has always
// existed.
func (v *View) Contracted(account uint32, at udr.Instant, rev Revision) int32 {
	for number, level := account, 0; number != 0 && level <= maxLevels; level++ {
		if day, ok := v.r.contracts.start(number, at, rev); ok {
			return day
		}
		its, ok := v.Account(number, at, rev)
		if !ok {
			break
		}
		number = its.Parent
	}
	return v.r.accounts.began(account, at, rev)
}

// began returns the local date on which an account began; 0, which is 1970-01-01, if it has always existed.
func (a *accounts) began(account uint32, at udr.Instant, rev Revision) int32 {
	if int(account) >= len(a.facts) {
		return 0
	}
	for i := range a.facts[account] {
		f := &a.facts[account][i]
		if f.From > at || f.known > rev || f.State == Withdrawn {
			continue
		}
		if now, ok := a.account(account, at, rev); ok && f.From > Always {
			return LocalDate(now.Zone, f.From)
		}
		return 0
	}
	return 0
}
