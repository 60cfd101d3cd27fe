package rating

import (
	"slices"
	"strings"

	"ratemill/diag"
	"ratemill/printable"
)

// mostName is the largest length of a name, in bytes. The registry has the same limit.
const mostName = 128

// misnamed reports keys and names in a document that are too long or contain invisible characters. Its messages
// quote only the beginning of the name; other messages would quote it in full, so the document is not read
// further.
func (c *compiler) misnamed(n *diag.Node) bool {
	before := c.list.Errors()
	for _, m := range n.Members {
		if slices.ContainsFunc(documents, func(k diag.Key) bool { return k.Name == m.Key.Text }) {
			c.name(m.Value)
			c.namesWithin(n)
			break
		}
		if _, ok := c.foreign[m.Key.Text]; ok {
			c.name(m.Value)
			c.namesInLists(n)
			break
		}
	}
	return c.list.Errors() > before
}

// namesWithin checks the keys and names within a node.
func (c *compiler) namesWithin(n *diag.Node) {
	for _, item := range n.Items {
		c.namesWithin(item)
	}
	for _, m := range n.Members {
		c.name(m.Key)
		switch m.Key.Text {
		case "name", "zone", "bucket":
			c.name(m.Value)
		}
		c.namesWithin(m.Value)
	}
}

// namesInLists checks the names in the lists of another package's document, such as the commitments of a contract. A
// name outside a list may be that of a company and is not checked.
func (c *compiler) namesInLists(n *diag.Node) {
	for _, m := range n.Members {
		for _, item := range m.Value.Items {
			c.namesWithin(item)
		}
	}
}

func (c *compiler) name(n *diag.Node) {
	switch {
	case n.Kind != diag.Scalar:
	case len(n.Text) > mostName:
		c.list.Errorf(n.Pos, "the name %q has %d bytes; write at most %d", strings.ToValidUTF8(n.Text[:40], "")+"…", len(n.Text), mostName)
	case strings.ContainsFunc(n.Text, func(r rune) bool { return !printable.Shown(r) }):
		c.list.Errorf(n.Pos, "the name %q has a control character or an invisible one; remove it", n.Text)
	}
}
