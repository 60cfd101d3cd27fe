package rating

import (
	"ratemill/diag"
	"ratemill/udr"
)

// own declares the networks and numbers that belong to the operator, or are priced as if they did. Usage in these
// networks, and calls and messages to these numbers, are on-net. A catalogue has at most one such document;
// zones, prices and conditions of prices refer to it.
type own struct {
	networks map[string]bool
	prefixes trie
	accounts ownAccounts
}

// ownAccounts selects the SIMs of the registry to which usage is on-net.
type ownAccounts uint8

const (
	ownNone    ownAccounts = iota
	ownAccount             // SIMs of the same account
	ownTree                // SIMs of all accounts with the same billing root
	ownAll                 // all
)

var ownAccountNames = []string{"none", "account", "tree", "all"}

type ownDoc struct {
	Own  ownFactsDoc `yaml:"own,required" doc:"Networks and numbers of the operator, or of the customer's own fleet. Zones and prices refer to it with network: own and peer: own, conditions with own_network and on_net."`
	pos  diag.Pos
	From since `yaml:"from" doc:"Local date (of the account) or instant from which this version is in force. If omitted, it has always been in force." example:"2026-02-01"`
}

type ownFactsDoc struct {
	Networks []diag.Text `yaml:"networks" doc:"Own networks, as MCC-MNC." example:"[214-07]"`
	Prefixes []diag.Text `yaml:"prefixes" doc:"Prefixes of own numbers, in quotes." example:"[\"+34600\"]"`
	Accounts diag.Text   `yaml:"accounts" default:"none" enum:"none|account|tree|all" doc:"Numbers of SIMs (msisdn in the registry, at the time of use) that also count as own: those of the SIM's account, of all accounts with the same billing root (tree), or all."`
}

func (d *ownDoc) Check(n *diag.Node, _ *diag.Decoder) { d.pos = n.Pos }

// belonging tells which parts of a record are own: its network, the other party's number.
type belonging struct{ network, peer bool }

func (c *compiler) compileOwn() {
	for _, doc := range c.ownDocs {
		o := &own{networks: map[string]bool{}}
		for i, name := range ownAccountNames {
			if doc.Own.Accounts.Value == name {
				o.accounts = ownAccounts(i)
			}
		}
		a := adding{zoneModel: &zoneModel{anyPeer: newPlaces()}, zone: &zone{}, list: &c.list, refuse: c.list.Errorf}
		if c.stored {
			a.refuse = c.list.Warnf
		}
		a.zone.where = whereDoc{Networks: doc.Own.Networks, Prefixes: doc.Own.Prefixes}
		for _, t := range a.peers() {
			a.networks(t)
		}
		if len(doc.Own.Prefixes) == 0 {
			a.networks(peerPlaces{places: &a.anyPeer})
		}
		o.prefixes = a.byPrefix
		for _, n := range doc.Own.Networks {
			o.networks[n.Value] = true
		}
		if len(doc.Own.Networks)+len(doc.Own.Prefixes) == 0 && o.accounts == ownNone {
			c.list.Errorf(doc.pos, "the document own is empty; list networks or prefixes, or write accounts: tree")
		}
		versioned(c, &c.owns, "document of what is own", diag.Text{Value: "own", Pos: doc.pos}, doc.From, o)
	}
}

// refersToOwn checks the references of a zone or price to own networks and numbers.
func (c *compiler) refersToOwn(w *whereDoc) {
	if w.Network.Value != "" {
		c.usesOwn(w.Network.Pos, "network: own")
	}
	if w.Peer.Value != "" {
		c.usesOwn(w.Peer.Pos, "peer: own")
	}
}

// usesOwn reports an error at a place that refers to own networks or numbers, if the catalogue has no own document.
func (c *compiler) usesOwn(at diag.Pos, what string) {
	if len(c.ownDocs) == 0 {
		c.list.Errorf(at, "%s refers to own networks or numbers, but the catalogue has no document own; add one, as in "+
			"`own: { prefixes: [\"+34600\"], accounts: tree }`", what)
	}
}

// belongs determines which parts of a record are own for the tier's account at the time of use.
func (e *Engine) belongs(t *tier, u *udr.Usage) (b belonging) {
	if len(e.catalogue.owns.list) == 0 {
		return b
	}
	o, _, _ := e.catalogue.owns.list[0].at(t.clock, u.At)
	if o == nil {
		return b
	}
	b.network = u.Network != "" && o.networks[u.Network]
	b.peer = u.Peer != "" && (o.prefixes.begins(u.Peer) || o.accounts != ownNone && e.ownSIM(o, u))
	return b
}

// ownSIM reports whether the other party is a SIM of own accounts.
func (e *Engine) ownSIM(o *own, u *udr.Usage) bool {
	if u.Peer[0] != '+' {
		return false
	}
	sim, ok := e.view.SIM(udr.Identifier{Kind: udr.MSISDN, Value: u.Peer[1:]}, u.At, e.rev)
	if !ok {
		return false
	}
	owner, ok := e.view.Owner(sim, u.At, e.rev)
	if !ok {
		return false
	}
	switch o.accounts {
	case ownAccount:
		return owner.Account == e.path[0].number
	case ownTree:
		root, _, ok := e.view.Root(owner.Account, u.At, e.rev)
		return ok && root == e.path[len(e.path)-1].number
	}
	return true
}

// begins reports whether a number begins with one of the prefixes.
func (t *trie) begins(number string) bool {
	at := int32(0)
	for i := 0; i < len(number) && len(t.nodes) > 0; i++ {
		k := trieIndex(number[i])
		if k < 0 {
			return false
		}
		if at = t.nodes[at].next[k]; at == 0 {
			return false
		}
		if t.nodes[at].table > 0 {
			return true
		}
	}
	return false
}
