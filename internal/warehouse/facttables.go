package warehouse

import (
	"ratemill/internal/control"
	"ratemill/registry"
)

// Names of the tables of facts, and of the revisions with which they became known.
const (
	companyTable    = "company_facts"
	accountTable    = "account_facts"
	simTable        = "sim_facts"
	identifierTable = "identifier_facts"
	stateTable      = "sim_state_facts"
	statementTable  = "statement_facts"
	revisionTable   = "registry_revisions"
)

// factTables lists the tables of facts, with the tables of the control store from which they come.
var factTables = []struct {
	name string
	from control.FactTable
}{
	{companyTable, control.CompanyFacts}, {accountTable, control.AccountFacts}, {simTable, control.SIMFacts},
	{identifierTable, control.IdentifierFacts}, {stateTable, control.StateFacts}, {statementTable, control.StatementFacts},
}

// fact holds the values from which one row of a table of facts is filled. Only the values that the table
// needs are set.
type fact struct {
	change *control.RegistryChange // the change set with which the fact became known
	n      uint32
	cause  string

	company    registry.Company
	account    registry.AccountFact
	sim        registry.OwnershipFact
	identifier registry.IdentifierFact
	state      registry.StateFact
	statement  registry.Statement

	owner    string   // id of the account that owns the SIM, or of the account above an account
	withheld []string // fields that were removed from the value of a statement
}

// words for the effect of a fact, by registry.State.
var effects = [...]string{registry.Holds: "holds", registry.Ended: "ended", registry.Withdrawn: "withdrawn",
	registry.AfterEnd: "holds after an end"}

// standing returns the first columns of a table of facts about a subject.
func standing(from func(*fact) uint64, state func(*fact) registry.State) []Column {
	return []Column{
		{Name: "valid_from", Type: moment, Since: 11, Codec: "Delta(8), LZ4",
			Doc:  "When the fact begins to hold. 1970-01-01 means always.",
			fill: u64s(from)},
		{Name: "effect", Type: word, Since: 11,
			Doc: "holds; ended: from then on nothing holds; withdrawn: the fact with this valid_from was a mistake, as if nobody had " +
				"stated it; holds after an end: the fact before it was stated to end there.",
			fill: texts(func(f *fact) string { return effects[state(f)] })},
	}
}

// said returns the last columns of every table of facts.
var said = []Column{
	{Name: "known", Type: "UInt64", Since: 11, Codec: "Delta(8), LZ4",
		Doc: "Revision of the registry with which the fact became known. If several facts have the same valid_from, the one that " +
			"became known last counts.",
		fill: u64s(func(f *fact) uint64 { return uint64(f.change.Revision) })},
	{Name: "n", Type: "UInt32", Since: 11, Codec: "T64, LZ4",
		Doc:  "Position of the fact among those of its revision in this table, from 0.",
		fill: u32s(func(f *fact) uint32 { return f.n })},
	{Name: "known_at", Type: moment, Since: 11, Codec: "Delta(8), LZ4",
		Doc:  "When the fact became known.",
		fill: u64s(func(f *fact) uint64 { return uint64(f.change.At.UnixNano()) })},
	{Name: "who", Type: word, Since: 11,
		Doc:  "Author of the fact: a user, or a part of ratemill such as simstate.",
		fill: texts(func(f *fact) string { return f.change.Who })},
	{Name: "why", Type: word, Since: 11,
		Doc:  "Reason that the author gave.",
		fill: texts(func(f *fact) string { return f.change.Why })},
	{Name: "cause", Type: "String", Since: 11,
		Doc:  "Cause of the fact: request:…, usage:file:seq, timer:…, batch:…, cascade:…; empty if it has none.",
		fill: texts(func(f *fact) string { return f.cause })},
}

// factTable is the declaration of a table of facts.
func factTable(name, doc, order string, columns ...[]Column) Table {
	return Table{Name: name, Since: 11, Doc: doc, Columns: concat(append(columns, said)...), Order: order, Settings: sparse}
}

var registryTables = []Table{
	factTable(companyTable,
		"Facts about companies. Rows are only added: the view companies shows the facts in force. Further fields of a company are "+
			"in statement_facts.",
		"(id, known, n)", []Column{
			{Name: "id", Type: word, Since: 11, Doc: "Id of the company.", fill: texts(func(f *fact) string { return f.company.ID })},
			{Name: "name", Type: "String", Since: 11, Doc: "Its name.", fill: texts(func(f *fact) string { return f.company.Name })},
			{Name: "kind", Type: word, Since: 11, Doc: "customer, reseller or operator.",
				fill: texts(func(f *fact) string { return f.company.Kind.String() })},
		}),
	factTable(accountTable,
		"Facts about accounts. Rows are only added: the view accounts shows the facts in force.",
		"(number, valid_from, known, n)", []Column{
			{Name: "number", Type: "UInt32", Since: 11, Doc: "Number of the account.", fill: u32s(func(f *fact) uint32 { return f.account.Number })},
			{Name: "id", Type: word, Since: 11, Doc: "Id of the account. It never changes.",
				fill: texts(func(f *fact) string { return f.account.ID })},
		}, standing(func(f *fact) uint64 { return uint64(f.account.From) }, func(f *fact) registry.State { return f.account.State }), []Column{
			{Name: "company", Type: word, Since: 11, Doc: "Id of the account's company.",
				fill: texts(func(f *fact) string { return f.account.Company })},
			{Name: "project", Type: word, Since: 11, Doc: "Id of the account's project; empty if it has none.",
				fill: texts(func(f *fact) string { return f.account.Project })},
			{Name: "kind", Type: word, Since: 11, Doc: "standard or reseller.",
				fill: texts(func(f *fact) string { return f.account.Kind.String() })},
			{Name: "parent", Type: word, Since: 11, Doc: "Account above this one; empty for a billing root.",
				fill: texts(func(f *fact) string { return f.owner })},
			{Name: "parent_number", Type: "UInt32", Since: 11, Doc: "Number of the account above; 0 for a billing root.",
				fill: u32s(func(f *fact) uint32 { return f.account.Parent })},
			{Name: "currency", Type: word, Since: 11, Doc: "Currency, ISO 4217; empty if it is that of the account above.",
				fill: texts(func(f *fact) string { return f.account.Currency })},
			{Name: "zone", Type: word, Since: 11, Doc: "Time zone; empty if it is that of the account above.",
				fill: texts(func(f *fact) string { return f.account.Zone })},
			{Name: "cycle_day", Type: "UInt8", Since: 11, Doc: "Day of the month on which its billing cycles begin; 0 if it is " +
				"that of the account above.", fill: u8s(func(f *fact) uint8 { return uint8(f.account.CycleDay) })},
			{Name: "plan", Type: word, Since: 11, Doc: "Price plan by which the account pays the account above for the SIMs " +
				"below it; empty if it has none.",
				fill: texts(func(f *fact) string { return f.account.Plan })},
			{Name: "share_plans", Type: "Array(String)", Since: 11, Doc: "Pools of the account, in the order in which they are drawn.",
				fill: lists(func(f *fact) []string { return f.account.SharePlans })},
			{Name: "limits", Type: "Array(String)", Since: 11, Doc: "Its limits.", fill: lists(func(f *fact) []string { return f.account.Limits })},
		}),
	factTable(simTable,
		"Facts about which account owns which SIM. Rows are only added: the view sims shows the facts in force.",
		"(sim, valid_from, known, n)", []Column{
			{Name: "sim", Type: "UInt32", Since: 11, Doc: "Number of the SIM.", fill: u32s(func(f *fact) uint32 { return f.sim.SIM })},
		}, standing(func(f *fact) uint64 { return uint64(f.sim.From) }, func(f *fact) registry.State { return f.sim.State }), []Column{
			{Name: "account", Type: word, Since: 11, Doc: "Account that owns the SIM; empty if the fact only ends or withdraws.",
				fill: texts(func(f *fact) string { return f.owner })},
			{Name: "account_number", Type: "UInt32", Since: 11, Doc: "Its number.", fill: u32s(func(f *fact) uint32 { return f.sim.Account })},
			{Name: "plan", Type: word, Since: 11, Doc: "Price plan of the SIM.", fill: texts(func(f *fact) string { return f.sim.Plan })},
		}),
	factTable(identifierTable,
		"Facts about the identifiers of SIMs. Rows are only added: the view sims shows the facts in force.",
		"(kind, value, valid_from, known, n)", []Column{
			{Name: "kind", Type: word, Since: 11, Doc: "iccid, imsi, msisdn, imei, eid or name.",
				fill: texts(func(f *fact) string { return f.identifier.Identifier.Kind.String() })},
			{Name: "value", Type: "String", Since: 11, Doc: "The identifier.",
				fill: texts(func(f *fact) string { return f.identifier.Identifier.Value })},
		}, standing(func(f *fact) uint64 {
			return uint64(f.identifier.From)
		}, func(f *fact) registry.State { return f.identifier.State }), []Column{
			{Name: "sim", Type: "UInt32", Since: 11, Doc: "Number of the SIM.", fill: u32s(func(f *fact) uint32 { return f.identifier.SIM })},
		}),
	factTable(stateTable,
		"Facts about the states of SIMs. Rows are only added: the view sim_states shows the facts in force.",
		"(sim, valid_from, known, n)", []Column{
			{Name: "sim", Type: "UInt32", Since: 11, Doc: "Number of the SIM.", fill: u32s(func(f *fact) uint32 { return f.state.SIM })},
		}, standing(func(f *fact) uint64 { return uint64(f.state.From) }, func(f *fact) registry.State { return f.state.State }), []Column{
			{Name: "state", Type: word, Since: 11, Doc: "State of the SIM in its model.", fill: texts(func(f *fact) string { return f.state.Name })},
			{Name: "core", Type: word, Since: 11, Doc: "Meaning of the state in every model: prospect, active, suspended or cancelled.",
				fill: texts(func(f *fact) string { return f.state.Core.String() })},
			{Name: "lifecycle", Type: word, Since: 11, Doc: "Lifecycle of the SIM, as name@version.",
				fill: texts(func(f *fact) string { return f.state.Lifecycle })},
			{Name: "brought", Type: "Bool", Since: 11, Doc: "Whether the SIM came from elsewhere in this state; then no " +
				"transition and no activation is charged for it.", fill: flags(func(f *fact) bool { return f.state.Brought })},
		}),
	factTable(statementTable,
		"Facts of all other kinds. Rows are only added: the view statements shows the facts in force. Personal data stay in "+
			"the control store.",
		"(kind, subject, name, valid_from, known, n)", []Column{
			{Name: "kind", Type: word, Since: 11, Doc: "status, settings, profile, details, resource, group, member, setting, addon, contract, " +
				"package, project, company, contact, address, …", fill: texts(func(f *fact) string { return string(f.statement.Kind) })},
			{Name: "subject", Type: "String", Since: 11, Doc: "Id of the account, company, project, group or contract; sim:NUMBER for a SIM; " +
				"company:ID for contacts and addresses of a company.", fill: texts(func(f *fact) string { return f.statement.Subject })},
			{Name: "name", Type: "String", Since: 11, Doc: "Distinguishes facts of one kind about one subject: the resource as " +
				"kind/name, the add-on's instance, …", fill: texts(func(f *fact) string { return f.statement.Name })},
		}, standing(func(f *fact) uint64 {
			return uint64(f.statement.From)
		}, func(f *fact) registry.State { return f.statement.State }), []Column{
			{Name: "value", Type: "String", Since: 11, Doc: "The value as JSON, without the fields in withheld; empty if the " +
				"fact only ends or withdraws.",
				fill: octets(func(f *fact) []byte { return f.statement.Value })},
			{Name: "withheld", Type: "Array(String)", Since: 11,
				Doc:  "Fields that are in the control store but not in value, because they contain personal data or your own words.",
				fill: lists(func(f *fact) []string { return f.withheld })},
		}),
	{
		Name: revisionTable, Since: 11,
		Doc: "Revisions of the registry whose facts are all in these tables. The views show facts up to the newest of these " +
			"revisions, so they show each revision completely or not at all.",
		Columns: []Column{
			{Name: "revision", Type: "UInt64", Since: 11, Doc: "The revision.",
				fill: u64s(func(f *fact) uint64 { return uint64(f.change.Revision) })},
			{Name: "at", Type: moment, Since: 11, Doc: "When the revision became known.",
				fill: u64s(func(f *fact) uint64 { return uint64(f.change.At.UnixNano()) })},
			{Name: "who", Type: word, Since: 11, Doc: "Author of the revision's facts.", fill: texts(func(f *fact) string { return f.change.Who })},
			{Name: "why", Type: "String", Since: 11, Doc: "Why.", fill: texts(func(f *fact) string { return f.change.Why })},
			{Name: "companies", Type: "UInt64", Since: 11, Doc: "Number of the revision's facts in company_facts.",
				fill: u64s(func(f *fact) uint64 { return uint64(f.change.Companies) })},
			{Name: "accounts", Type: "UInt64", Since: 11, Doc: "Number of the revision's facts in account_facts.",
				fill: u64s(func(f *fact) uint64 { return uint64(f.change.Accounts) })},
			{Name: "sims", Type: "UInt64", Since: 11, Doc: "Number of the revision's facts in sim_facts.",
				fill: u64s(func(f *fact) uint64 { return uint64(f.change.SIMs) })},
			{Name: "identifiers", Type: "UInt64", Since: 11, Doc: "Number of the revision's facts in identifier_facts.",
				fill: u64s(func(f *fact) uint64 { return uint64(f.change.Identifiers) })},
			{Name: "states", Type: "UInt64", Since: 11, Doc: "Number of the revision's facts in sim_state_facts.",
				fill: u64s(func(f *fact) uint64 { return uint64(f.change.States) })},
			{Name: "statements", Type: "UInt64", Since: 11, Doc: "Number of the revision's facts in statement_facts.",
				fill: u64s(func(f *fact) uint64 { return uint64(f.change.Statements) })},
			{Name: "stored", Type: "DateTime64(3, 'UTC')", Since: 11, Filled: "now64(3)",
				Doc: "When the last of the revision's facts was written to the warehouse."},
		},
		Order: "revision", Settings: sparse,
	},
}
