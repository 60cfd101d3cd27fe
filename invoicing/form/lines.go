package form

import (
	"fmt"

	"github.com/carlos7ags/folio/layout"
)

// lineTables holds the lines of a document as the built-in renderer lays them out: one table after the other, each
// with rows that stay together, under a heading that is repeated on each page. If all rows were in one table, the
// renderer would measure the table again on each page; for 230 rows on 12 pages this took twice as long. It could
// also put a title at the end of a page and the title's lines on the next one.
type lineTables struct {
	head   layout.Element
	groups []layout.Element
}

// takeLines replaces the tables of the lines among the elements of a page: the heading, and one table for each group.
// They are the last tables of the page that are not in a box.
func takeLines(elements []layout.Element, groups int) ([]layout.Element, error) {
	if groups == 0 {
		return elements, nil
	}
	isTable := func(at int) bool {
		if at < 0 || at >= len(elements) {
			return false
		}
		_, ok := elements[at].(*layout.Table)
		return ok
	}
	end := len(elements)
	for end > 0 && !isTable(end-1) {
		end--
	}
	from := end - groups - 1
	for at := from - 1; at < end; at++ {
		if isTable(at) == (at < from) {
			return nil, fmt.Errorf("the renderer did not create the %d tables of the lines", groups)
		}
	}
	out := append(elements[:from:from], &lineTables{elements[from], elements[from+1 : end]})
	return append(out, elements[end:]...), nil
}

// PlanLayout implements layout.Element.
func (t *lineTables) PlanLayout(area layout.LayoutArea) layout.LayoutPlan {
	plan := layout.LayoutPlan{Status: layout.LayoutFull}
	place := func(p layout.LayoutPlan) {
		for _, b := range p.Blocks {
			b.Y += plan.Consumed
			plan.Blocks = append(plan.Blocks, b)
		}
		plan.Consumed += p.Consumed
	}
	place(t.head.PlanLayout(layout.LayoutArea{Width: area.Width, Height: area.Height}))
	for i, g := range t.groups {
		p := g.PlanLayout(layout.LayoutArea{Width: area.Width, Height: area.Height - plan.Consumed})
		switch {
		case p.Status == layout.LayoutFull && plan.Consumed+p.Consumed <= area.Height:
			place(p)
		case i > 0:
			plan.Status, plan.Overflow = layout.LayoutPartial, &lineTables{t.head, t.groups[i:]}
			return plan
		default: // not even one group fits; on an empty page, the renderer then asks again with the needed height
			return layout.LayoutPlan{Status: layout.LayoutNothing}
		}
	}
	return plan
}
