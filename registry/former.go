package registry

import "ratemill/udr"

// Find is like SIM, but also reports whether several facts about the identifier are known. If so, the
// identifier may have referred to another SIM at an earlier revision.
func (v *View) Find(id udr.Identifier, at udr.Instant, rev Revision) (sim uint32, several, ok bool) {
	return v.r.identifiers.holder(&v.r.moments, id, at, rev)
}

// Several reports whether several facts about a SIM's owner, or about the owner's account, are known. If only
// one is known, there was never any other state.
func (v *View) Several(sim, account uint32) bool {
	return sim <= v.r.sims.count && v.r.sims.blocks[sim/simBlock][sim%simBlock].when&history != 0 ||
		int(account) < len(v.r.accounts.only) && v.r.accounts.only[account].account == nil
}

// FormerRoot returns a billing root to which usage of an identifier from a time on belonged, as known at a revision
// before rev. It is the newest such root that differs from the root at rev. It was valid before the revision until.
func (v *View) FormerRoot(id udr.Identifier, at udr.Instant, since, rev Revision) (root uint32, until Revision, ok bool) {
	now, said := v.root(id, at, rev)
	for said > since {
		until = said
		if root, said = v.root(id, at, until-1); root != 0 && root != now {
			return root, until, true
		}
	}
	return 0, 0, false
}

// root returns the billing root of an identifier's usage, 0 for none. said is the newest revision, not after rev,
// with a fact that affects the result, so the root is the same from said to rev.
func (v *View) root(id udr.Identifier, at udr.Instant, rev Revision) (root uint32, said Revision) {
	if ref := v.r.identifiers.find(id); ref != nil {
		said = v.r.identifiers.newest(&v.r.moments, ref, rev)
	}
	sim, ok := v.SIM(id, at, rev)
	if !ok {
		return 0, said
	}
	said = max(said, v.r.sims.newest(&v.r.moments, sim, rev))
	owner, ok := v.Owner(sim, at, rev)
	if !ok || int(owner.Account) >= len(v.r.accounts.timelines) {
		return 0, said
	}
	for i := range v.r.accounts.timelines[owner.Account] {
		if known := v.r.accounts.timelines[owner.Account][i].known; known <= rev {
			said = max(said, known)
		}
	}
	root, _, _ = v.Root(owner.Account, at, rev)
	return root, said
}
