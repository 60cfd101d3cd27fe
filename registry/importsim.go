package registry

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"ratemill/normalize"
	"ratemill/udr"
)

func isStrong(id udr.Identifier) bool {
	return id.Kind == udr.ICCID || id.Kind == udr.EID || id.Kind == udr.IMSI
}

// span is the time range of a row.
type span struct {
	since, until udr.Instant
	asked        udr.Instant // the since as written in the row; the registry may know this date as midnight in another zone
}

// A row concerns the SIM of one of its strong identifiers or, if it has none, of a weak one. The ICCID, EID
// and IMSI are strong, because a card keeps them. An MSISDN is weak: it may belong to another SIM next
// year.
var (
	strong = []column{colICCID, colEID, colIMSI}
	weak   = []column{colMSISDN, colName, colIMEI}
)

func (im *importer) simRow(r *row) {
	im.namesOfSIM(r)
	ids, good := im.identifiers(r)
	if good && len(ids) == 0 {
		im.errorf(r.at(colICCID), "the row names no SIM: it needs at least one of iccid, eid, imsi, msisdn, imei, name")
		good = false
	}
	withdrawn, withdrawnOK := im.withdrawn(r)
	plan, planOK := im.word(r, colPlan, false)
	accountID, accountOK := im.word(r, colAccount, withdrawnOK && !withdrawn && r.cells[colAccount].said)
	var account uint32
	var rules []cycles
	if accountID != "" {
		if account, accountOK = im.accountNumber(accountID); accountOK {
			rules = im.rulesOf(account)
		} else if im.partial {
			im.absent(r.at(colAccount), "account", accountID)
		} else {
			im.errorf(r.at(colAccount), "account %s is unknown%s", accountID, im.similarAccount(accountID))
		}
	}
	since, sinceOK := im.instant(r, colSince, rules)
	until, untilOK := im.instant(r, colUntil, rules)
	if r.cells[colUntil].text == "" {
		until = newest
	} else if accountOK && sinceOK && untilOK && until <= since { // without the account, the zone of the dates is unknown
		im.errorf(r.at(colUntil), "until %s is not after since %s", r.cells[colUntil].text, r.cells[colSince].text)
		untilOK = false
	}
	if !good || !withdrawnOK || !planOK || !accountOK || !sinceOK || !untilOK {
		return
	}

	asked := since
	var sim uint32
	var found bool
	if withdrawn {
		if sim, since, found = im.withdrawal(r, ids, since); !found {
			return
		}
	} else if sim, found = im.who(r, ids, since); found {
		if since, until = im.known(r, sim, since, until); until <= since {
			im.errorf(r.at(colUntil), "until %s is not after since %s, which is known as %s", r.cells[colUntil].text,
				r.cells[colSince].text, since)
			return
		}
	}
	if !found {
		if im.r.sims.count == maxSIM {
			im.errorf(r.at(colICCID), "there are already %d SIMs, the maximum", uint32(maxSIM))
			return
		}
		sim = im.r.sims.count + 1
		im.r.sims.entry(sim)
	}
	if len(im.withdrawals) > 0 && im.takenBack(sim, ids, since) {
		im.errorf(r.at(firstColumn(r)), "an earlier row withdraws a row about this SIM%s with the same or a later since: "+
			"write the rows of a SIM in the order of their since", im.called(sim, since, ids))
		return
	}
	if withdrawn && im.claimed(r, ids, sim, since, asked) {
		im.errorf(r.at(firstColumn(r)), "an earlier row gives this identifier to another SIM, which has a row with this "+
			"since too%s: import this row first, in a separate file", im.called(sim, since, ids))
		return
	}
	if withdrawn {
		for _, id := range ids {
			im.withdrawals[id] = max(since, asked)
		}
		if sim == 0 || !im.around(sim, since).is || im.tookBack(sim, since) {
			return // already withdrawn
		}
	}
	if !im.inOrder(r, ids, sim, withdrawn, span{since, until, asked}) {
		return
	}
	if withdrawn {
		asked = since
	}
	im.lastRow[sim] = span{since, until, asked}
	claims := len(im.contested)
	if withdrawn {
		im.withdraw(r, sim, since)
		im.follow(sim, nil, since, len(im.contested) > claims)
		im.simColumns(r, sim, 0, span{since: since, until: newest}, true)
		return
	}
	defer im.simColumns(r, sim, account, span{since: since, until: until}, false)
	im.state(r, sim, ids, statement{since: since, until: until, untilSaid: r.cells[colUntil].said,
		account: account, accountSaid: r.cells[colAccount].said, plan: plan, planSaid: r.cells[colPlan].said})
	im.follow(sim, ids, since, len(im.contested) > claims)
}

// inOrder reports whether a row comes after the earlier rows about its SIM. If not, it adds an error with the reason.
func (im *importer) inOrder(r *row, ids []udr.Identifier, sim uint32, withdrawn bool, its span) bool {
	last, again := im.lastRow[sim]
	switch {
	case !again:
		return true
	case withdrawn && last.until == its.since:
		im.errorf(r.at(firstColumn(r)), "an earlier row about this SIM%s contains the end that this row withdraws: omit its "+
			"until, or this row", im.called(sim, its.since, ids))
	case last.until != newest && last.until > its.since && last.since < its.since:
		im.errorf(r.at(firstColumn(r)), "an earlier row about this SIM%s is valid beyond the since of this one: set its "+
			"until to this since, or omit it", im.called(sim, its.since, ids))
	case last.since >= its.since || !withdrawn && last.asked >= its.asked:
		im.errorf(r.at(firstColumn(r)), "there is an earlier row about this SIM%s with the same or a later since: write the rows of a "+
			"SIM in the order of their since; an identifier belongs to one SIM at a time", im.called(sim, its.since, ids))
	default:
		return true
	}
	return false
}

// takenBack reports whether an earlier row in the files withdrew a row with the same or a later since, by an
// identifier of this row, or by an identifier that referred to its SIM at that time. It ignores identifiers that
// later rows give to the SIM, so the result is the same when the files are imported a second time.
func (im *importer) takenBack(sim uint32, ids []udr.Identifier, since udr.Instant) bool {
	for _, id := range ids {
		if earlier, ok := im.withdrawals[id]; ok && earlier >= since {
			return true
		}
	}
	im.held = im.r.identifiers.ever(&im.r.sims, sim, im.held[:0])
	for _, id := range im.held {
		earlier, ok := im.withdrawals[id]
		if ok && earlier >= since && slices.ContainsFunc(im.r.identifiers.told(&im.r.moments, id), func(f told) bool {
			return f.account == sim && f.from <= earlier
		}) {
			return true
		}
	}
	return slices.ContainsFunc(im.contested, func(c contested) bool {
		earlier, ok := im.withdrawals[c.id]
		return ok && c.claim && c.sim == sim && c.since <= earlier && earlier >= since
	})
}

// claimed reports whether an earlier row gives an identifier of a withdrawing row to another SIM that has a row with
// this since. If so, the withdrawing row would refer to that other SIM when the files are imported a second time.
func (im *importer) claimed(r *row, ids []udr.Identifier, sim uint32, since, asked udr.Instant) (yes bool) {
	for _, c := range im.contested {
		if !c.claim || c.sim == sim || !slices.Contains(ids, c.id) {
			continue
		}
		also := func(at udr.Instant) bool {
			_, said := im.r.sims.said(&im.r.moments, c.sim, at)
			yes = yes || at == c.since && at == since || at != since && said
			return false
		}
		also(since)
		also(asked)
		im.sameDay(r, colSince, -1, also)
	}
	return yes
}

// freed returns the SIM whose row at a time was withdrawn together with its fact about an identifier, if all that
// remains there is the end of the identifier with another SIM; 0 for none. If the row is withdrawn a second time,
// it concerns the same SIM.
func (im *importer) freed(id udr.Identifier, at udr.Instant) uint32 {
	var before, last told
	for _, f := range im.r.identifiers.told(&im.r.moments, id) {
		if f.from == at {
			before, last = last, f
		}
	}
	if !before.state.begins() || before.account == 0 || before.account == last.account || last.state != Ended {
		return 0
	}
	if f, ok := im.r.sims.said(&im.r.moments, before.account, at); !ok || f.state.begins() || f.known != last.known {
		return 0
	}
	return before.account
}

// withdrawal returns the SIM and the beginning of the row to which a withdrawing row refers; SIM 0 if that row is
// already withdrawn. A date is in the zone of the row's account. If the row has no account, or the SIM never had
// such a row, the date may be in any zone in which the SIM has a row with this date; if there are several, the
// row that was stated or withdrawn last counts.
func (im *importer) withdrawal(r *row, ids []udr.Identifier, asked udr.Instant) (sim uint32, since udr.Instant, ok bool) {
	since = asked
	last := im.stated(ids, asked)
	if last == 0 || r.cells[colAccount].text == "" {
		im.sameDay(r, colSince, -1, func(at udr.Instant) bool {
			if known := im.stated(ids, at); known > last {
				since, last = at, known
			}
			return false
		})
	}
	sim, found, was := im.whose(ids, since)
	if !was && last == 0 {
		if !im.partial {
			im.errorf(r.at(firstColumn(r)), "there is nothing to withdraw: %s", im.nothing(ids, found))
		}
		return 0, since, false
	}
	return sim, since, true
}

// known returns the since and until of a row about a SIM as the registry contains them, if it knows the dates as
// midnight in another zone.
func (im *importer) known(r *row, sim uint32, since, until udr.Instant) (udr.Instant, udr.Instant) {
	marks := im.marks(sim)
	last, again := im.lastRow[sim]
	since = im.sameDay(r, colSince, since, func(at udr.Instant) bool {
		return (!again || last.since != at) && slices.ContainsFunc(marks, func(m mark) bool { return m.from == at && m.begins })
	})
	until = im.sameDay(r, colUntil, until, func(at udr.Instant) bool {
		return at > since && slices.ContainsFunc(marks, func(m mark) bool { return m.from == at && m.ends })
	})
	return since, until
}

// tookBack reports whether the beginning of a row about a SIM was withdrawn, so that only the end of the row
// before remains at this time. If the row is withdrawn a second time, this end stays.
func (im *importer) tookBack(sim uint32, since udr.Instant) bool {
	facts := im.r.sims.told(&im.r.moments, sim)
	for i := 1; i < len(facts); i++ {
		last := i+1 == len(facts) || facts[i+1].from != since
		if facts[i].from == since && last && facts[i-1].from == since {
			return facts[i-1].state.begins() && facts[i].state == Ended && facts[i-1].known < facts[i].known
		}
	}
	return false
}

// stated returns the revision of the last fact with this since about a SIM to which the identifiers ever
// referred, 0 for none.
func (im *importer) stated(ids []udr.Identifier, since udr.Instant) (known Revision) {
	for _, id := range ids {
		for _, f := range im.r.identifiers.told(&im.r.moments, id) {
			if f.account != 0 {
				fact, _ := im.r.sims.said(&im.r.moments, f.account, since)
				known = max(known, fact.known)
			}
		}
	}
	return known
}

// nothing explains, from the known facts of its SIM, why a row withdraws nothing.
func (im *importer) nothing(ids []udr.Identifier, known bool) string {
	if !known {
		return "no SIM has this identifier"
	}
	var all []string
	for _, id := range ids {
		for _, f := range im.r.identifiers.told(&im.r.moments, id) {
			for _, m := range im.marks(f.account) {
				if text := m.from.String(); !slices.Contains(all, text) {
					all = append(all, text)
				}
			}
		}
	}
	if len(all) == 0 {
		return "the SIM has no row with this since"
	}
	return "the SIM has no row with this since; its rows begin or end on " + strings.Join(all, ", ")
}

func firstColumn(r *row) column {
	for _, c := range append(slices.Clone(strong), weak...) {
		if r.cells[c].text != "" {
			return c
		}
	}
	return colICCID
}

// identifiers returns the identifiers of a row, strong kinds first, so that the first one shows whether the row
// has a strong one.
func (im *importer) identifiers(r *row) ([]udr.Identifier, bool) {
	im.ids = im.ids[:0]
	good := true
	for _, kind := range []udr.IDKind{udr.ICCID, udr.EID, udr.IMSI, udr.MSISDN, udr.Name, udr.IMEI} {
		c := columnOf(kind)
		text := r.cells[c].text
		if text == "" {
			continue
		}
		values := []string{text}
		if kind != udr.Name && strings.ContainsAny(text, " |") {
			values = strings.FieldsFunc(text, func(c rune) bool { return c == ' ' || c == '|' })
		}
		for _, value := range values {
			canonical, reason := canonicalIdentifier(kind, value)
			if reason != "" {
				im.errorf(r.at(c), "%s %s: %s", kind, shortened(value), reason)
				good = false
				continue
			}
			if id := (udr.Identifier{Kind: kind, Value: canonical}); !slices.Contains(im.ids, id) {
				im.ids = append(im.ids, id)
			}
		}
	}
	return im.ids, good
}

// canonicalIdentifier returns the canonical form of an identifier, the same as in package normalize.
func canonicalIdentifier(kind udr.IDKind, text string) (canonical, reason string) {
	var scratch [40]byte
	var err error
	digits := scratch[:0]
	switch kind {
	case udr.ICCID:
		var id normalize.ICCID
		id, err = normalize.ParseICCID([]byte(text))
		digits = id.Append(digits)
	case udr.IMSI:
		var id normalize.IMSI
		id, err = normalize.ParseIMSI([]byte(text))
		digits = id.Append(digits)
	case udr.IMEI:
		var id normalize.IMEI
		id, err = normalize.ParseIMEI([]byte(text))
		digits = id.Append(digits)
	case udr.EID:
		var id normalize.EID
		id, err = normalize.ParseEID([]byte(text))
		digits = id.Append(digits)
	case udr.MSISDN:
		text = strings.TrimPrefix(text, "+")
		if len(text) < 5 || len(text) > 15 || text[0] == '0' || strings.Trim(text, "0123456789") != "" {
			return "", "an MSISDN must have 5 to 15 digits in international form, such as +34600000001 (ITU-T E.164)"
		}
		return text, ""
	default:
		if len(text) > 255 || strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == 0x7f }) {
			return "", "a name has at most 255 bytes and no control characters"
		}
		return text, ""
	}
	if bad, ok := err.(*normalize.Error); ok {
		return "", bad.Reason
	}
	if string(digits) == text {
		return text, ""
	}
	return string(digits), ""
}

// who returns the SIM that a row concerns: the SIM to which its identifiers refer at the row's since. If there is
// none, it returns the next SIM to which they referred later. For strong identifiers, it may also return the last
// SIM to which they referred before, because a card that returns is the same card. If a row is given, who prefers a
// SIM that gets an identifier on the row's date, in any zone.
func (im *importer) who(r *row, ids []udr.Identifier, since udr.Instant) (uint32, bool) {
	onlyStrong := isStrong(ids[0])
	for _, id := range ids {
		if isStrong(id) != onlyStrong {
			continue
		}
		if ref := im.r.identifiers.find(id); r != nil && ref != nil && ref.when&history != 0 {
			sim := uint32(0)
			im.sameDay(r, colSince, since, func(at udr.Instant) bool {
				if begins, _, holder := im.named(id, at); begins {
					sim = holder
				}
				return sim != 0
			})
			if sim != 0 {
				return sim, true
			}
		}
		if sim, ok := im.r.identifiers.sim(&im.r.moments, id, since, im.changes.Revision); ok {
			return sim, true
		}
	}
	for _, id := range ids {
		if isStrong(id) != onlyStrong {
			continue
		}
		if sim := im.laterHolder(id, since, newest, 0); sim != 0 {
			return sim, true
		}
		if sim, when := im.r.identifiers.before(&im.r.moments, id, since); sim != 0 && (onlyStrong || when == since) {
			return sim, true
		}
	}
	return 0, false
}

// whose returns the SIM that a withdrawing row concerns. It is the SIM with a fact for exactly this since, or else
// the SIM to which an identifier refers at that time. It returns 0 if the identifiers are known and there is
// nothing to withdraw. was reports whether such a fact exists, or existed until its withdrawal.
func (im *importer) whose(ids []udr.Identifier, since udr.Instant) (sim uint32, known, was bool) {
	var withdrawn namedKnown
	for _, id := range ids {
		f, ok := im.r.identifiers.said(&im.r.moments, id, since)
		if !ok || isStrong(id) != isStrong(ids[0]) {
			continue
		}
		if f.state != Withdrawn {
			return cmp.Or(im.freed(id, since), f.sim), true, true
		}
		withdrawn = f
	}
	for _, id := range ids {
		sim, ok := im.r.identifiers.sim(&im.r.moments, id, since, im.changes.Revision)
		if !ok || isStrong(id) != isStrong(ids[0]) {
			continue
		}
		// A withdrawn fact for this time does not show which SIM has the identifier now.
		if f, said := im.r.sims.said(&im.r.moments, sim, since); said && f.known > withdrawn.known {
			return sim, true, true
		}
	}
	for _, id := range ids {
		known = known || im.r.identifiers.find(id) != nil && isStrong(id) == isStrong(ids[0])
	}
	return 0, known, withdrawn.state == Withdrawn
}

// laterHolder returns the next SIM to which an identifier refers after since and before until, other than sim;
// 0 for none.
func (im *importer) laterHolder(id udr.Identifier, since, until udr.Instant, sim uint32) uint32 {
	ref := im.r.identifiers.find(id)
	if ref == nil {
		return 0
	}
	if ref.when&history == 0 {
		if from := im.r.moments.pairs[ref.when].from; from > since && from < until && ref.sim != sim && im.owned(ref.sim, from) {
			return ref.sim
		}
		return 0
	}
	for _, f := range im.r.identifiers.histories[ref.when&^history] {
		if f.from <= since || f.from >= until {
			continue
		}
		if holder, ok := im.holder(id, f.from); ok && holder != sim {
			return holder
		}
	}
	return 0
}

// called describes a SIM by an identifier other than the given ones: " (iccid 8934…)".
func (im *importer) called(sim uint32, at udr.Instant, not []udr.Identifier) string {
	for _, id := range im.r.identifiers.of(&im.r.moments, &im.r.sims, sim, at, im.changes.Revision, nil) {
		if !slices.Contains(not, id) {
			return fmt.Sprintf(" (%s %s)", id.Kind, id.Value)
		}
	}
	return ""
}
