package registry

import "slices"

// FileReference describes a kind of import file for the reference of columns.
type FileReference struct {
	Name    string // name of the section in YAML; the name of a CSV file begins with it
	Meaning string
	Columns []Field // the columns of the file, followed by the fields of the value
}

// FilesReference lists all kinds of import files with their columns, in the order in which they are read.
func FilesReference(forms []Form) (all []FileReference) {
	im := &importer{forms: forms}
	for i := range sections {
		s := &sections[i]
		if s.only == ofSIM {
			continue
		}
		f := FileReference{Name: s.name, Meaning: meanings[s.file]}
		for _, c := range s.columns {
			f.Columns = append(f.Columns, Field{Path: columnNames[c], Doc: columnMeaning(s, c), Required: s.requires(c)})
		}
		if s.kind != "" && s.kind != KindState {
			for _, field := range im.form(s.kind).Fields {
				if at := slices.IndexFunc(f.Columns, func(c Field) bool { return c.Path == field.Path }); at < 0 {
					f.Columns = append(f.Columns, field)
				}
			}
		}
		all = append(all, f)
	}
	return all
}

// requires reports whether a row must contain a cell.
func (s *section) requires(c column) bool {
	return c == colID && s.of&(ofAccount|ofCompany|ofSIM) == 0 || slices.Contains(s.instance, c) && c != colInstance || c == colState &&
		s.file == statesFile ||
		c == colAccount && s.of == ofAccount
}

var meanings = map[fileKind]string{
	companiesFile: "Owners of accounts. A row with more than id, name and kind describes the whole company, so it needs " +
		"all required fields.",
	projectsFile:  "Parts of a company's business that have separate accounts.",
	accountsFile:  "The tree of accounts: who pays whom, in which currency and cycle, by which plan.",
	statusesFile:  "Statuses of accounts. An account without one is active.",
	profilesFile:  "Billing profiles. An account without a profile uses that of the nearest account above that has one.",
	settingsFile:  "Lifecycles of the SIMs of accounts, or of single SIMs, and keys that override those of the lifecycle.",
	resourcesFile: "Resources of accounts.",
	groupsFile:    "Groups of an account's SIMs.",
	detailsFile:   "Details of accounts that have no effect on money.",
	contactsFile:  "People of accounts and companies.",
	addressesFile: "Addresses of accounts and companies.",
	addonsFile:    "Add-ons that accounts and SIMs have on top of their plans.",
	packagesFile: "Packages that accounts and SIMs bought. A row adds units and charges nothing: to do both, use " +
		"`ratemill package buy`, or add a row of `oneoffs`.",
	contractsFile:   "Contracts that were signed.",
	oneOffsFile:     "One-off charges.",
	paymentsFile:    "Payments, each by its reference. A payment without parts pays the document that it refers to.",
	simsFile:        "SIMs: their identifiers, owners and plans; and, for many SIMs in one file, their states, groups and settings.",
	statesFile:      "States of SIMs.",
	simSettingsFile: "The resource of each kind that a SIM has.",
	membersFile:     "Groups of SIMs.",
}

// columnMeaning explains a column. The columns of a value are explained by its form.
func columnMeaning(s *section, c column) string {
	switch {
	case c == colKind && s.file == companiesFile:
		return "Role of the company in the business: customer (the default), reseller or operator."
	case c == colKind && s.file == accountsFile:
		return "standard (the default), or reseller: it has its own customers, plans and invoices."
	case c == colKind:
		return "Kind of the resource: price_plan, apn_group, service_profile, roaming_profile, security_profile, …"
	case c == colName && s.file == companiesFile:
		return "Display name; by default the id."
	case c == colName && s.file == resourcesFile:
		return "Name of the resource."
	case c == colAccount && s.file != simsFile:
		return "The account that the row is about."
	case c == colPlan && s.file == accountsFile:
		return "Plan by which the account pays its parent for the SIMs below it."
	}
	return columnMeanings[c]
}

var columnMeanings = [columns]string{
	colID:       "Id: a word without blanks, at most 128 bytes.",
	colName:     "Any other name of a SIM, such as the name of its line.",
	colCompany:  "The company to which it belongs.",
	colProject:  "The project to which the account belongs, if the company has projects.",
	colParent:   "The account above, to which it pays. If omitted, the account is a billing root.",
	colCurrency: "ISO 4217 code. By default, that of the account above.",
	colZone:     "IANA time zone of its days and cycles. By default, that of the account above.",
	colCycleDay: "Day of the month on which its billing cycles begin, 1 to 31. By default, that of the account above; 1 for a " +
		"billing root.",
	colPlan:      "Price plan of the SIM.",
	colPool:      "Share plans of the account, separated by blanks, in the order in which they are drawn.",
	colLimits:    "Limits of the account, separated by blanks.",
	colSince:     "Start of the row's validity: a day, or a time with its offset. Without it, always.",
	colUntil:     "End of the row's validity. If omitted, the row is valid until the next row.",
	colWithdrawn: "true: the row with this since was a mistake.",
	colAccount:   "The account that owns the SIM.",
	colICCID:     "ICCID of the SIM; separate several by blanks.",
	colEID:       "EID of its chip.",
	colIMSI:      "IMSI of the SIM.",
	colMSISDN:    "Phone number of the SIM, with its country code.",
	colIMEI:      "IMEI of its device.",
	colGroup:     "The SIM's group.",
	colState:     "State of the SIM, one of the states of its lifecycle's model.",
	colLifecycle: "The lifecycle, if it differs from the settings of the SIM or its account; with @ and a version, exactly that version.",
	colCore: "Meaning of the state: prospect, active, suspended or cancelled. The catalogue's lifecycles define it; if " +
		"there are none, write it here.",
	colBrought:         "true: the SIM was already in this state elsewhere, so reaching it costs nothing.",
	colAPNGroup:        "The SIM's APN group.",
	colServiceProfile:  "The SIM's service profile.",
	colRoamingProfile:  "The SIM's roaming profile.",
	colSecurityProfile: "The SIM's security profile.",
	colAddon:           "Name of the add-on.",
	colPackage:         "Name of the package.",
	colInstance:        "Number of the instance, if the account or SIM has several of this name.",
}
