package warehouse

import (
	"strconv"
	"strings"
)

// A view of the registry exists in three forms: NAME as of now, NAME_at as of a time, and NAME_known as of a time and
// as it was known at a revision. The rules are those of the registry (registry/facts.go): among facts with the same
// beginning, only the last known one counts, and only if it is not a withdrawal. Among the facts that count, the one
// that begins last holds, unless it is an end.

// newestRevision is the newest revision whose facts are all in the tables.
const newestRevision = "(SELECT max(revision) FROM registry_revisions)"

var (
	atParameter       = Column{Name: "at", Doc: "Time for which the view shows the facts."}
	revisionParameter = Column{Name: "revision", Doc: "Revision of the registry up to which facts are known."}
)

func registryViews() (all []View) {
	for _, v := range registryQuestions {
		for _, of := range []struct {
			suffix, at, revision, doc string
			takes                     []Column
		}{
			{"", "now64(9)", newestRevision, "as of now", nil},
			{"_at", "{at:DateTime64(9, 'UTC')}", newestRevision,
				"as of a time in UTC: `SELECT … FROM " + v.Name + "_at(at = '2026-04-01 00:00:00')`",
				[]Column{atParameter}},
			{"_known", "{at:DateTime64(9, 'UTC')}", "least({revision:UInt64}, " + newestRevision + ")",
				"as of a time, and as it was known at a revision of the registry: `SELECT … FROM " + v.Name +
					"_known(at = '2026-04-01 00:00:00', revision = 12)`. " +
					"Rated records have their revision in the column registry", []Column{atParameter, revisionParameter}},
		} {
			one := v
			one.Since, one.Name, one.Takes = 11, v.Name+of.suffix, of.takes
			one.Doc = v.Doc + " This view shows them " + of.doc + "."
			one.Select = strings.NewReplacer("{at}", of.at, "{revision}", of.revision).Replace(v.Select)
			all = append(all, one)
		}
	}
	return all
}

// holding selects the facts of a table that hold: one row for each subject, with some columns of its fact. Each
// column has a separate argMax, ordered by a number. If argMax had tuples as values or for the order, ClickHouse
// would create a generic value for each row.
func holding(table, subject, where string, columns ...string) string {
	var last, held, names strings.Builder
	for i, c := range columns {
		name, as, renamed := strings.Cut(c, " AS ")
		if !renamed {
			as = name
		}
		v := "v" + strconv.Itoa(i)
		if name == "valid_from" {
			held.WriteString(", max(begins) AS h" + strconv.Itoa(i))
		} else {
			last.WriteString(", argMax(" + name + ", " + place + ") AS " + v)
			held.WriteString(", argMax(" + v + ", toUnixTimestamp64Nano(begins)) AS h" + strconv.Itoa(i))
		}
		names.WriteString(", h" + strconv.Itoa(i) + " AS " + as)
	}
	if where != "" {
		where = " AND " + where
	}
	return `(
  SELECT ` + subject + names.String() + ` FROM (
    SELECT ` + subject + `, argMax(says, toUnixTimestamp64Nano(begins)) AS ending` + held.String() + ` FROM (
      SELECT ` + subject + `, valid_from AS begins, argMax(effect, ` + place + `) AS says` + last.String() + `
      FROM ` + table + ` WHERE valid_from <= {at} AND known <= {revision}` + where + `
      GROUP BY ` + subject + `, valid_from HAVING says != 'withdrawn')
    GROUP BY ` + subject + `)
  WHERE ending != 'ended')`
}

// place orders facts by (known, n) as one number.
const place = "known * 67108864 + n"

// mostInRevision limits the facts of a table in one revision, so that place orders them.
const mostInRevision = 67108864

var (
	simColumn   = Column{Name: "sim", Doc: "Number of the SIM."}
	knownColumn = []Column{
		{Name: "known", Doc: "Revision of the registry with which the fact became known."},
		{Name: "known_at", Doc: "When."}, {Name: "who", Doc: "Who stated it."}, {Name: "why", Doc: "Why."},
		{Name: "cause", Doc: "Cause of the fact; empty if it has none."},
	}
)

var registryQuestions = []View{
	{
		Name: "sims",
		Doc:  "SIMs that an account owns, with their identifiers and states.",
		Columns: []Column{
			simColumn, {Name: "account", Doc: "Account that owns the SIM."}, {Name: "account_number", Doc: "Its number."},
			{Name: "plan", Doc: "Price plan of the SIM."}, {Name: "since", Doc: "When the account began to own the SIM with this plan."},
			{Name: "iccid, imsi, msisdn, imei, eid, name", Doc: "Identifiers of the SIM; several of one kind are separated by a space."},
			{Name: "state", Doc: "State of the SIM; empty if it has none."}, {Name: "core", Doc: "prospect, active, suspended " +
				"or cancelled; empty if the SIM has no state."},
			{Name: "lifecycle", Doc: "The lifecycle, as name@version."}, {Name: "state_since",
				Doc: "When this state began; 1970-01-01 if the SIM has no state."},
		},
		Select: `
SELECT o.sim AS sim, o.account AS account, o.account_number AS account_number, o.plan AS plan, o.since AS since,
       i.iccid AS iccid, i.imsi AS imsi, i.msisdn AS msisdn, i.imei AS imei, i.eid AS eid, i.name AS name,
       s.state AS state, s.core AS core, s.lifecycle AS lifecycle, s.state_since AS state_since
FROM ` + holding(simTable, "sim", "", "account", "account_number", "plan", "valid_from AS since") + ` AS o
LEFT JOIN (
  SELECT sim, ` + identifiersOf("iccid", "imsi", "msisdn", "imei", "eid", "name") + `
  FROM ` + holding(identifierTable, "kind, value", "", "sim") + ` GROUP BY sim) AS i ON i.sim = o.sim
LEFT JOIN ` + holding(stateTable, "sim", "", "state", "core", "lifecycle", "valid_from AS state_since") + ` AS s ON s.sim = o.sim`,
	},
	{
		Name: "sim_states",
		Doc:  "The states of all SIMs that have one, including SIMs that no account owns any more.",
		Columns: append([]Column{
			simColumn, {Name: "state", Doc: "State of the SIM in its model."}, {Name: "core", Doc: "prospect, active, suspended or cancelled."},
			{Name: "lifecycle", Doc: "The lifecycle, as name@version."}, {Name: "brought", Doc: "Whether the SIM came from " +
				"elsewhere in this state."},
			{Name: "since", Doc: "When this state began."},
		}, knownColumn...),
		Select: `
SELECT * FROM ` + holding(stateTable, "sim", "", "state", "core", "lifecycle", "brought", "valid_from AS since", "known", "known_at", "who", "why", "cause"),
	},
	{
		Name: "accounts",
		Doc:  "Accounts, with the values that they inherit from the accounts above them.",
		Columns: append([]Column{
			{Name: "account", Doc: "Id of the account."}, {Name: "number", Doc: "Its number."},
			{Name: "parent", Doc: "Account above this one; empty for a billing root."}, {Name: "root", Doc: "Its billing root."},
			{Name: "level", Doc: "Levels below the billing root: 0 for a billing root, 1 for the accounts below it, …"},
			{Name: "kind", Doc: "standard or reseller."}, {Name: "company", Doc: "Id of the account's company."}, {Name: "project",
				Doc: "Id of the account's project; empty if it has none."},
			{Name: "currency", Doc: "Currency of the account, or of the nearest account above that has one."},
			{Name: "zone", Doc: "Time zone of the account, or of the nearest account above that has one, as stated."},
			{Name: "cycle_day", Doc: "Cycle day of the account, or of the nearest account above that has one. A change in " +
				"mid-cycle counts from the next cycle on."},
			{Name: "plan", Doc: "Price plan of the account for the SIMs below " +
				"it."}, {Name: "share_plans, limits", Doc: "Pools and limits of the account."},
			{Name: "status", Doc: "draft, active, …; empty if no status was stated."}, {Name: "status_since",
				Doc: "When the status began; 1970-01-01 if there is no status, or if it has always held."},
			{Name: "since", Doc: "When the account's own values began to hold."},
		}, knownColumn...),
		Select: `
WITH RECURSIVE held AS (
  SELECT * FROM ` + holding(accountTable, "number", "", "id", "parent", "parent_number", "kind", "company", "project", "currency", "zone", "cycle_day", "plan", "share_plans", "limits",
			"valid_from AS since", "known", "known_at", "who", "why", "cause") + `
), tree AS (
  SELECT number, id AS top, toUInt8(0) AS level, currency, zone, cycle_day FROM held WHERE parent_number = 0
  UNION ALL
  SELECT held.number, tree.top, toUInt8(tree.level + 1), if(held.currency = '', tree.currency, held.currency), if(held.zone = '', tree.zone, held.zone),
         if(held.cycle_day = 0, tree.cycle_day, held.cycle_day)
  FROM held INNER JOIN tree ON held.parent_number = tree.number
)
SELECT h.id AS account, h.number AS number, h.parent AS parent, t.top AS root, t.level AS level, h.kind AS kind, h.company AS company, h.project AS project,
       t.currency AS currency, t.zone AS zone, t.cycle_day AS cycle_day, h.plan AS plan, h.share_plans AS share_plans, h.limits AS limits,
       JSONExtractString(s.value, 'status') AS status, s.status_since AS status_since, h.since AS since,
       h.known AS known, h.known_at AS known_at, h.who AS who, h.why AS why, h.cause AS cause
FROM tree AS t INNER JOIN held AS h ON h.number = t.number
LEFT JOIN ` + holding(statementTable, "subject", "kind = 'status' AND name = ''", "value", "valid_from AS status_since") + ` AS s ON s.subject = h.id`,
	},
	{
		Name: "companies",
		Doc:  "Companies.",
		Columns: append([]Column{
			{Name: "company", Doc: "Id of the company."}, {Name: "name", Doc: "Its name."}, {Name: "kind", Doc: "customer, reseller or operator."},
			{Name: "type", Doc: "Legal form or line of business of the company."},
			{Name: "registration", Doc: "Number of the company in the register of companies."},
			{Name: "vat", Doc: "Its VAT number."}, {Name: "country", Doc: "Country of the company's seat."},
		}, knownColumn...),
		Select: `
SELECT c.id AS company, c.name AS name, c.kind AS kind, JSONExtractString(s.value, 'type') AS type, JSONExtractString(s.value, 'registration') AS registration,
       JSONExtractString(s.value, 'vat') AS vat, JSONExtractString(s.value, 'address', 'country') AS country,
       c.known AS known, c.known_at AS known_at, c.who AS who, c.why AS why, c.cause AS cause
FROM (
  SELECT id, v.1 AS name, v.2 AS kind, v.3 AS known, v.4 AS known_at, v.5 AS who, v.6 AS why, v.7 AS cause FROM (
    SELECT id, argMax((name, kind, known, known_at, who, why, cause), ` + place + `) AS v FROM company_facts WHERE known <= {revision} GROUP BY id)) AS c
LEFT JOIN ` + holding(statementTable, "subject", "kind = 'company' AND name = ''", "value") + ` AS s ON s.subject = c.id`,
	},
	{
		Name: "statements",
		Doc:  "All other facts in force about accounts, SIMs, companies and other subjects: one row for each kind, subject and name.",
		Columns: append([]Column{
			{Name: "kind", Doc: "status, settings, profile, resource, …"}, {Name: "subject", Doc: "As in statement_facts."}, {Name: "name",
				Doc: "Distinguishes facts of one kind about one subject."},
			{Name: "value", Doc: "Value as JSON, without the fields in withheld."},
			{Name: "withheld", Doc: "Fields that only the control store has."},
			{Name: "since", Doc: "When the fact began to hold."},
		}, knownColumn...),
		Select: `
SELECT * FROM ` + holding(statementTable, "kind, subject, name", "", "value", "withheld", "valid_from AS since", "known", "known_at", "who", "why", "cause"),
	},
}

// identifiersOf returns columns of identifiers of some kinds.
func identifiersOf(kinds ...string) string {
	var columns []string
	for _, kind := range kinds {
		columns = append(columns, "arrayStringConcat(arraySort(groupArrayIf(value, kind = '"+kind+"')), ' ') AS "+kind)
	}
	return strings.Join(columns, ", ")
}
