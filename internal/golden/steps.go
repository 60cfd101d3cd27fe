package golden

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ratemill/diag"
	"ratemill/internal/backoffice"
)

// steps is the content of steps.yaml: what users do and what happens, in chronological order.
//
//	zone: Europe/Madrid
//	steps:
//	  - { at: 2026-04-01 09:00, sim: "214070000000001", state: in_testing }
//	  - { at: 2026-04-08 12:00, file: a.csv }
//	  - { at: 2026-05-01 }
type steps struct {
	Zone  diag.Text `yaml:"zone" doc:"Time zone of the times in this part and in the results; UTC by default." example:"Europe/Madrid"`
	Steps []step    `yaml:"steps,required" doc:"Steps, in the order of their times."`

	zone *time.Location
}

// step is one event. If only at is set, time passes.
type step struct {
	At diag.Text `yaml:"at,required" doc:"When the step happens: 2026-04-01, 2026-04-01 09:00, or an instant." example:"2026-04-01 09:00"`

	File   diag.Text `yaml:"file" doc:"Raw file of the case that is taken and rated."`
	Import diag.Text `yaml:"import" doc:"Part later/NAME that is imported, as by ratemill import."`

	SIM   string `yaml:"sim" doc:"The SIM that changes: any of its identifiers."`
	State string `yaml:"state" doc:"New state, as in ratemill sim state."`
	Move  string `yaml:"move" doc:"New account, as in ratemill sim move."`
	Plan  string `yaml:"plan" doc:"New plan, as in ratemill sim plan; with move, the plan in the new account."`
	Keep  bool   `yaml:"keep_state" doc:"With move: the SIM keeps its state."`

	Account string `yaml:"account" doc:"The account that changes."`
	Status  string `yaml:"status" doc:"New status, as in ratemill account status."`
	Opened  string `yaml:"documents" doc:"Gross amount of documents that are opened, such as 400.00 EUR; below zero, a payment of documents." example:"-400.00 EUR"`

	Set   string `yaml:"set" doc:"What is set, as in ratemill account set or ratemill sim set."`
	Value string `yaml:"value" doc:"With set: the value; for an account, as YAML. Empty ends it."`

	From     string `yaml:"from" doc:"Time of effect, as in --at; by default, at once." example:"2026-04-01"`
	Backdate bool   `yaml:"backdate" doc:"As --backdate."`
	As       string `yaml:"as" doc:"Account on whose behalf the step is requested; by default, the provider."`

	when time.Time
}

// steps reads steps.yaml; nil if the case has none.
func (c *Case) steps() (*steps, error) {
	parts := c.parts(isSteps)
	if len(parts) == 0 {
		return nil, nil
	}
	var s steps
	list := diag.Decode(c.Name+": steps.yaml", parts[0].Data, &s, nil)
	if !list.HasErrors() {
		s.check(&list)
	}
	if err := list.Err(); err != nil || len(s.Steps) > 0 {
		return &s, err
	}
	return nil, errors.New("steps.yaml has no steps")
}

func (s *steps) check(list *diag.List) {
	s.zone = time.UTC
	if s.Zone.Value != "" {
		zone, err := time.LoadLocation(s.Zone.Value)
		if err != nil {
			list.Errorf(s.Zone.Pos, "%q is not a time zone; write one such as Europe/Madrid", s.Zone.Value)
			return
		}
		s.zone = zone
	}
	for i := range s.Steps {
		t := &s.Steps[i]
		if err := t.check(s.zone); err != nil {
			list.Errorf(t.At.Pos, "step %d: %v", i+1, err)
			continue
		}
		if i > 0 && t.when.Before(s.Steps[i-1].when) {
			list.Errorf(t.At.Pos, "step %d is earlier than step %d; write steps in the order of their times (from sets a "+
				"different time of effect)", i+1, i)
		}
	}
}

func (t *step) check(zone *time.Location) error {
	var err error
	for _, form := range []string{time.DateOnly, "2006-01-02 15:04", "2006-01-02 15:04:05", time.RFC3339} {
		if t.when, err = time.ParseInLocation(form, t.At.Value, zone); err == nil {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("%q is not a time; write a date, a date and a time such as 2026-04-01 09:00, or an instant", t.At.Value)
	}
	does := func(words ...string) (n int) {
		for _, w := range words {
			if w != "" {
				n++
			}
		}
		return n
	}
	switch {
	case does(t.File.Value, t.Import.Value, t.SIM, t.Account) > 1:
		return fmt.Errorf("the step has several of file, import, sim and account; write a step for each")
	case t.SIM != "" && does(t.State, t.Move, t.Set) != 1 && (t.Plan == "" || does(t.State, t.Move, t.Set) > 0):
		return fmt.Errorf("a step for a SIM needs exactly one of state, move, plan and set")
	case t.Account != "" && does(t.Status, t.Opened, t.Set) != 1:
		return fmt.Errorf("a step for an account needs exactly one of status, documents and set")
	case t.SIM == "" && does(t.State, t.Move, t.Plan) > 0:
		return fmt.Errorf("state, move and plan need a sim")
	case t.Account == "" && does(t.Status, t.Opened) > 0:
		return fmt.Errorf("status and documents need an account")
	}
	return nil
}

// says describes the step in words.
func (t *step) says() string {
	words := []string{}
	add := func(name, value string) {
		if value != "" {
			words = append(words, name, value)
		}
	}
	add("import", t.Import.Value)
	add("sim", t.SIM)
	add("account", t.Account)
	add("state", t.State)
	add("move", t.Move)
	add("plan", t.Plan)
	add("status", t.Status)
	add("documents", t.Opened)
	add("set", t.Set)
	add("value", strings.Join(strings.Fields(t.Value), " "))
	add("from", t.From)
	add("as", t.As)
	return strings.Join(words, " ")
}

func (t *step) wish() backoffice.SIMWish {
	w := backoffice.SIMWish{SIM: t.SIM, Do: backoffice.SetSIMPlan, To: t.Plan}
	switch {
	case t.State != "":
		w.Do, w.To = backoffice.SetSIMState, t.State
	case t.Move != "":
		w.Do, w.To, w.Plan, w.Keep = backoffice.MoveSIM, t.Move, t.Plan, t.Keep
	case t.Set != "":
		w.Do, w.To, w.Kind = backoffice.SetSIM, t.Value, t.Set
	}
	return w
}

// order returns the common fields of a change of an account.
func (t *step) order(number int) (o backoffice.AccountOrder, err error) {
	o = backoffice.AccountOrder{Who: who, Why: "step " + strconv.Itoa(number), Key: requestKey(number), As: t.As, Backdate: t.Backdate}
	if t.From == "" {
		return o, nil
	}
	if o.At, err = time.Parse(time.DateOnly, t.From); err == nil {
		o.Day = true
		return o, nil
	}
	if o.At, err = time.Parse(time.RFC3339, t.From); err != nil {
		return o, fmt.Errorf("%q is not a time of effect; write a date or an instant", t.From)
	}
	return o, nil
}

// who is the user who makes the changes of a case.
const who = "case"

func requestKey(number int) string { return "step-" + strconv.Itoa(number) }

// taken returns the time at which a step reads a file. If there are no steps, it is zero.
func (s *steps) taken(name string) (when time.Time) {
	if s == nil {
		return when
	}
	for _, t := range s.Steps {
		if t.File.Value == name {
			when = t.when
		}
	}
	return when
}

// files lists the names of the raw files in the order in which they are collected.
func (s *steps) files(parts []string) (order []string, err error) {
	for _, t := range s.Steps {
		name := t.File.Value
		switch {
		case name == "":
			continue
		case !slices.Contains(parts, name):
			return nil, fmt.Errorf("%s: the case has no raw file %s%s", t.At.Value, name, diag.Suggest(name, parts))
		}
		order = append(order, name)
	}
	for _, name := range parts {
		if !slices.Contains(order, name) {
			return nil, fmt.Errorf("no step takes the file %s; add { at: …, file: %s } to steps.yaml", name, name)
		}
	}
	return order, nil
}
