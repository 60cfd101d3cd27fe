package backoffice

// Codes are the codes of suspense. docs/suspense.md documents them; a test compares the two.
var Codes = []string{
	"decode", "skipped", "rule", "required", "class", "unit", "time", "declared", "unmatched", "fan", "size",
	"sim_unknown", "sim_unowned", "account_unknown", "no_account", "session_unknown", "not_yours", "owner_corrected", "copy_rated",
	"no_plan", "no_price", "no_zone", "when", "calendar", "currency", "quantity", "amount", "late", "sim_state", "limit", "package",
	"damaged", "no_room", "parts", "file", "cut",
}
