package registry

import "strconv"

// Kind is the kind of a fact.
type Kind string

// The kinds of facts with their own Go types.
const (
	KindAccount    Kind = "account"    // of an account: AccountFact
	KindOwnership  Kind = "ownership"  // of a SIM: OwnershipFact
	KindIdentifier Kind = "identifier" // of a SIM: IdentifierFact
	KindState      Kind = "state"      // of a SIM: StateFact
	KindCompany    Kind = "company"    // of a company: Company, and a Statement with its further fields
)

// The kinds of facts that are statements.
const (
	KindProject  Kind = "project"  // of a project: its company, its name, and whether one invoice bills it
	KindStatus   Kind = "status"   // of an account: draft to terminated
	KindProfile  Kind = "profile"  // of an account: its billing profile; without one it uses its payer's
	KindSettings Kind = "settings" // of an account: the lifecycle of its SIMs, and overrides; of a SIM: its own overrides
	KindResource Kind = "resource" // of an account, by kind/name: a resource that it may use
	KindGroup    Kind = "group"    // of a group: its account and name
	KindMember   Kind = "member"   // of a SIM: its group
	KindSetting  Kind = "setting"  // of a SIM, by apn_group, service_profile, roaming_profile or security_profile: the name
	KindDetails  Kind = "details"  // of an account: external number, notes and other fields without effect on money
	KindContact  Kind = "contact"  // of an account or a company, by name
	KindAddress  Kind = "address"  // of an account or a company, by name: primary, alternative, billing
	KindAddon    Kind = "addon"    // of an account or a SIM, by name/instance
	KindContract Kind = "contract" // of a contract: its account, start and term
	KindPackage  Kind = "package"  // of an account, by name/instance: validity and cap
	KindOneOff   Kind = "oneoff"   // of a one-off charge
	KindPayment  Kind = "payment"  // of a payment
)

// StatementKinds are the kinds of statements.
var StatementKinds = [...]Kind{KindCompany, KindProject, KindStatus, KindProfile, KindSettings, KindResource, KindGroup, KindMember,
	KindSetting,
	KindDetails, KindContact, KindAddress, KindAddon, KindContract, KindPackage, KindOneOff, KindPayment}

// SubjectOf returns the subject of statements about a SIM: sim: and its number.
func SubjectOf(sim uint32) string { return simSubject + strconv.FormatUint(uint64(sim), 10) }

const simSubject = "sim:"

// CompanySubject is the subject of contacts and addresses of a company: company: and its id. Accounts have them too, and
// an account may have the id of a company.
func CompanySubject(id string) string { return "company:" + id }

// SIMOf is the number of the SIM that a subject names; false if it names none.
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
