package rating

import (
	"cmp"
	"slices"

	"ratemill/diag"
)

// The field `formerly` of a document contains the name in the version before. That name may itself be the result
// of a rename, while the counter keeps a still older name. So the compiler follows the names from version to
// version, oldest first, until it finds the name under which the counter was started.

// naming is the name of a bucket, price or limit in one version.
type naming struct {
	name, formerly string
	counted        *string // its name in the counter
	at             diag.Pos
	recount        func() // after `counted` changed
}

// followNames finds the counters of renamed buckets, prices and limits.
func (c *compiler) followNames() {
	for _, f := range c.plans.list {
		if c.InPlaceOf(f.name) != f.name {
			continue // followDeals
		}
		c.followBuckets("plan "+f.name, len(f.versions), func(i int) []bucket { return f.versions[i].included })
		for class := range c.names {
			prefix := "price " + f.name + "/" + c.names[class] + "/"
			c.follow("price", "plan "+f.name+", class "+c.names[class], len(f.versions), func(i int) (all []naming) {
				if class >= len(f.versions[i].classes) || f.versions[i].classes[class] == nil {
					return nil
				}
				pc := f.versions[i].classes[class]
				for j := range pc.prices {
					if p := &pc.prices[j]; p.id != 0 {
						all = append(all, naming{p.own, p.former, &p.key, p.at, func() {
							if id := c.id(p.at, prefix+p.key); p.shared == "" { // a count with its own name continues
								p.id = id
							}
						}})
					}
				}
				return all
			})
		}
	}
	c.followDeals()
	for _, f := range c.shares.list {
		c.followBuckets("pool "+f.name, len(f.versions), func(i int) []bucket { return f.versions[i].buckets })
	}
	for _, f := range c.addons.list {
		c.followBuckets("addon "+f.name, len(f.versions), func(i int) []bucket { return f.versions[i].buckets })
	}
	c.followLimits()
}

func (c *compiler) followBuckets(owner string, versions int, buckets func(version int) []bucket) {
	c.follow("bucket", owner, versions, func(i int) (all []naming) {
		list := buckets(i)
		for j := range list {
			b := &list[j]
			all = append(all, naming{b.name, b.formerly, &b.counted, b.at, func() { c.recount(owner, b) }})
		}
		return all
	})
}

// recount sets the counters of a bucket by the name under which the bucket is counted.
func (c *compiler) recount(owner string, b *bucket) {
	b.id = c.id(b.at, owner+"/"+b.counted)
	if b.roll != nil {
		b.roll.id = c.id(b.at, carriedName(owner, b.counted))
	}
}

// follow finds the counters of one family, oldest version first. If a version has the same name and formerly as the
// version before, it continues the same count; otherwise formerly refers to the newest earlier version that
// contains that name. If no version contains it, the former name is from an earlier catalogue and is the name in
// the counter.
func (c *compiler) follow(what, owner string, versions int, named func(version int) []naming) {
	var before [][]naming
	for i := range versions {
		now := named(i)
		counting := map[string]diag.Pos{}
		for j := range now {
			n := &now[j]
			written := *n.counted
			if n.formerly != "" && i > 0 {
				if counted, ok := followed(n, before); !ok {
					c.list.Warnf(n.at, "no version before this one has a %s %s in %s, so `formerly: %s` continues a count only if an "+
						"earlier catalogue of the installation had it; otherwise remove it",
						what, n.formerly, owner, n.formerly)
				} else if counted != *n.counted {
					*n.counted = counted
					n.recount()
				}
			}
			if at, ok := counting[*n.counted]; ok && *n.counted != written {
				c.refuse(n.at, "this %s would share its count with the one on line %d, since both go back to %s, but each has its own "+
					"count: remove formerly, or give it another name",
					what, at.Line, *n.counted)
				*n.counted = written
				n.recount()
			}
			counting[*n.counted] = n.at
		}
		before = append(before, now)
	}
}

func followed(n *naming, before [][]naming) (counted string, ok bool) {
	newest := before[len(before)-1]
	if i := slices.IndexFunc(newest, func(o naming) bool { return o.name == n.name && o.formerly == n.formerly }); i >= 0 {
		return *newest[i].counted, true
	}
	for _, version := range slices.Backward(before) {
		for _, o := range version {
			if o.name == n.formerly {
				return *o.counted, true
			}
		}
	}
	for _, version := range before {
		for _, o := range version {
			if *o.counted == n.formerly {
				return n.formerly, true
			}
		}
	}
	return "", false
}

// followLimits does the same as follow for limits. Their former name is the name of another document.
func (c *compiler) followLimits() {
	type version struct {
		*limit
		order int64
	}
	var all []version
	for _, f := range c.limits.list {
		for i, m := range f.versions {
			all = append(all, version{m, f.since[i].Order()})
		}
	}
	slices.SortStableFunc(all, func(a, b version) int { return cmp.Compare(a.order, b.order) })
	newest := func(name string, before int64) (found *limit) {
		for _, o := range all {
			if o.name == name && o.order < before {
				found = o.limit
			}
		}
		return found
	}
	for _, m := range all {
		own := newest(m.name, m.order)
		if m.formerly == "" || own != nil && own.formerly == m.formerly {
			if m.follows = own; own != nil && m.formerly != "" {
				m.counted, m.id = own.counted, own.id
			}
			continue
		}
		if m.follows = newest(m.formerly, m.order); m.follows != nil {
			m.counted, m.id = m.follows.counted, m.follows.id
		}
	}
}
