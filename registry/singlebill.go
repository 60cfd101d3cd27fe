package registry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"ratemill/udr"
)

// singleBill reports whether one invoice bills a project.
func singleBill(project []byte) bool {
	if !bytes.Contains(project, []byte(`"single_bill"`)) {
		return false
	}
	var v struct {
		SingleBill bool `json:"single_bill"`
	}
	return json.Unmarshal(project, &v) == nil && v.SingleBill
}

// singleBills checks that, for each project with single_bill, one of its accounts pays for all its accounts and
// for no others: an invoice has one payer, and so one currency, zone, cycle day and accounting group.
func (b *bounds) singleBills() {
	if b.s == nil {
		return
	}
	single := map[string]bool{}
	for id := range b.s.Subjects(KindProject) {
		for _, f := range b.s.Told(KindProject, id) {
			single[id] = single[id] || singleBill(f.Value)
		}
	}
	if len(single) == 0 || len(b.affected()) == 0 && !slices.ContainsFunc(b.changes.Statements, func(f Statement) bool {
		return f.Kind == KindProject
	}) {
		return
	}
	members := b.inProjects(single)
	for _, id := range slices.Sorted(maps.Keys(members)) {
		b.singleBill(id, members[id])
	}
}

// inProjects returns the accounts that were ever in one of the given projects.
func (b *bounds) inProjects(projects map[string]bool) map[string][]uint32 {
	members := map[string][]uint32{}
	for number, facts := range b.a.facts {
		for i := range facts {
			id := facts[i].Project
			if n := len(members[id]); projects[id] && (n == 0 || members[id][n-1] != uint32(number)) {
				members[id] = append(members[id], uint32(number))
			}
		}
	}
	return members
}

// singleBill checks one project at each time at which the project, its accounts, or accounts above or below them
// may change.
func (b *bounds) singleBill(project string, members []uint32) {
	var instants []udr.Instant
	for _, f := range b.s.Told(KindProject, project) {
		instants = append(instants, f.From)
	}
	tree := map[uint32]bool{}
	for _, number := range members {
		tree[number] = true
	}
	for _, number := range b.a.withDescendants(tree) {
		instants = append(instants, b.instants(number)...)
	}
	slices.Sort(instants)
	for _, at := range slices.Compact(instants) {
		number, why := b.severalBills(project, members, at, b.rev)
		if _, before := b.severalBills(project, members, at, b.rev-1); why == "" || why == before {
			continue
		}
		b.breach(KindAccount, b.a.facts[number][0].ID, at, "project %s has single_bill, but from %s on %s; or write single_bill=false",
			project, b.day(number, at), why)
		return
	}
}

// severalBills explains, with an example, why no single invoice bills exactly the accounts of a project at a time. It
// ignores drafts, which have no invoice yet, and terminated accounts, which had their last one.
func (b *bounds) severalBills(project string, members []uint32, at udr.Instant, rev Revision) (number uint32, why string) {
	if f, ok := b.s.At(KindProject, project, "", at, rev); !ok || !singleBill(f.Value) {
		return 0, ""
	}
	var first, payer uint32
	for _, number := range members {
		a, ok := b.a.account(number, at, rev)
		if !ok || a.Project != project {
			continue
		}
		status := StatusOf(b.s, a.ID, at, rev)
		if status == StatusTerminated {
			continue
		}
		its, stated := b.a.profiled(b.s, number, at, rev), true
		if its == 0 {
			its, stated = a.Root, false
		}
		of, _ := b.a.account(its, at, rev)
		if first == 0 {
			first, payer = number, its
		}
		switch {
		case its != payer:
			one, _ := b.a.account(first, at, rev)
			pays, _ := b.a.account(payer, at, rev)
			return number, fmt.Sprintf("the invoice of account %s would bill account %s, and the invoice of account %s would "+
				"bill account %s; give one account of the project the billing profile, and put the others below it", one.ID, pays.ID, a.ID, of.ID)
		case stated && status != StatusDraft && of.Project != project:
			return number, fmt.Sprintf("account %s, which is not in the project, pays for its account %s; put account %s into "+
				"the project, or give account %s a billing profile", of.ID, a.ID, of.ID, a.ID)
		}
	}
	if payer == 0 {
		return 0, ""
	}
	for _, number := range b.a.withDescendants(map[uint32]bool{payer: true}) {
		a, ok := b.a.account(number, at, rev)
		if ok && a.Project != "" && a.Project != project && b.a.profiled(b.s, number, at, rev) == payer {
			pays, _ := b.a.account(payer, at, rev)
			return number, fmt.Sprintf("account %s also pays for account %s of project %s; give account %s a billing profile", pays.ID, a.ID,
				a.Project, a.ID)
		}
	}
	return 0, ""
}

// SeveralBills returns the payers at a time whose invoices do not match the single_bill of their project, with the
// reason: such facts are older than the rule, which refuses new ones.
func SeveralBills(v *View, s *Statements, at udr.Instant, rev Revision) (why map[uint32]string) {
	b := &bounds{r: v.r, s: s, a: &v.r.accounts, rev: rev}
	why = map[uint32]string{}
	single := map[string]bool{}
	for id := range s.Subjects(KindProject) {
		if f, ok := s.At(KindProject, id, "", at, rev); ok && singleBill(f.Value) {
			single[id] = true
		}
	}
	if len(single) == 0 {
		return why
	}
	members := b.inProjects(single)
	for _, id := range slices.Sorted(maps.Keys(members)) {
		_, reason := b.severalBills(id, members[id], at, rev)
		for _, number := range members[id] {
			a, there := b.a.account(number, at, rev)
			if payer := b.a.profiled(s, number, at, rev); there && a.Project == id && reason != "" && payer != 0 {
				why[payer] = fmt.Sprintf("project %s has single_bill, but %s; or write single_bill=false", id, reason)
			}
		}
	}
	return why
}
