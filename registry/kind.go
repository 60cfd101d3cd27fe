package registry

import "strconv"

// Kind is the kind of a fact.
type Kind string

// The kinds of facts that have their own Go types.
const (
	KindAccount    Kind = "account"    // about an account: AccountFact
	KindOwnership  Kind = "ownership"  // about a SIM: OwnershipFact
	KindIdentifier Kind = "identifier" // about a SIM: IdentifierFact
	KindState      Kind = "state"      // about a SIM: StateFact
	KindCompany    Kind = "company"    // about a company: Company, and a Statement with its further fields
)

// The kinds of facts that are statements.
const (
	KindProject  Kind = "project"  // about a project: its company, its name, and whether one invoice bills it
	KindStatus   Kind = "status"   // about an account: its status, from draft to terminated
	KindProfile  Kind = "profile"  // about an account: its billing profile; an account without one uses its payer's
	KindSettings Kind = "settings" // about an account: the lifecycle of its SIMs, and overrides; about a SIM: its own overrides
	KindResource Kind = "resource" // about an account, by kind/name: a resource that it may use
	KindGroup    Kind = "group"    // about a group: its account and name
	KindMember   Kind = "member"   // about a SIM: its group
	KindSetting  Kind = "setting"  // about a SIM, by apn_group, service_profile, roaming_profile or security_profile
	KindDetails  Kind = "details"  // about an account: external number, notes and other fields that do not affect amounts
	KindContact  Kind = "contact"  // about an account or a company, by name: a contact
	KindAddress  Kind = "address"  // about an account or a company, by name (primary, alternative, billing): an address
	KindAddon    Kind = "addon"    // about an account or a SIM, by name/instance: an add-on
	KindContract Kind = "contract" // about a contract: its account, start and term
	KindPackage  Kind = "package"  // about an account, by name/instance: validity and cap of a package
	KindOneOff   Kind = "oneoff"   // about a one-off charge
	KindPayment  Kind = "payment"  // of a payment
)

// StatementKinds are the kinds of statements.
var StatementKinds = [...]Kind{KindCompany, KindProject, KindStatus, KindProfile, KindSettings, KindResource, KindGroup, KindMember,
	KindSetting,
	KindDetails, KindContact, KindAddress, KindAddon, KindContract, KindPackage, KindOneOff, KindPayment}

// SubjectOf returns the subject of statements about a SIM: sim: and its number.
func SubjectOf(sim uint32) string { return simSubject + strconv.FormatUint(uint64(sim), 10) }

const simSubject = "sim:"

// CompanySubject returns the subject of a company's contacts and addresses: company: and its id. The prefix is
// needed because accounts have contacts and addresses too, and an account may have the id of a company.
func CompanySubject(id string) string { return "company:" + id }

// SIMOf returns the number of the SIM that a subject identifies, and false if the subject is not a SIM.
func SIMOf(subject string) (sim uint32, ok bool) {
	if len(subject) <= len(simSubject) || subject[:len(simSubject)] != simSubject {
		return 0, false
	}
	n, err := strconv.ParseUint(subject[len(simSubject):], 10, 32)
	if err != nil || n == 0 || n > maxSIM || SubjectOf(uint32(n)) != subject {
		return 0, false
	}
	return uint32(n), true
}
