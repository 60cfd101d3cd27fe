package mediation

import (
	"fmt"
	"strings"

	"ratemill/mediation/source"
	"ratemill/registry"
	"ratemill/udr"
)

// Usage outside these bounds was read wrongly: seconds were taken for milliseconds, or the value is a zero or a
// filler. It would create a partition of the warehouse for each month.
const (
	earliest udr.Instant = 631_152_000_000_000_000   // 1990-01-01
	latest   udr.Instant = 4_102_444_800_000_000_000 // 2100-01-01
)

const longestIdentifier = 128 // as shown in a reason

// Route adds to a usage record its SIM, the owner at the time of use and the billing root, and finds the root's
// partition; if the record cannot be routed, it returns the reason.
func Route(view *registry.View, revision registry.Revision, u *udr.Usage) (partition int, why *udr.SuspendError) {
	partition, _, why = route(view, revision, u)
	return partition, why
}

// route also reports whether the registry knows several facts for this lookup, so that the root may have been
// different at an earlier revision.
func route(view *registry.View, revision registry.Revision, u *udr.Usage) (partition int, several bool, why *udr.SuspendError) {
	if u.At < earliest || u.At >= latest {
		return 0, false, &udr.SuspendError{Code: "time", Values: "at " + u.At.String(),
			Reason: fmt.Sprintf("the time of use %s is impossible: times lie between %s and %s; check the layout or the unit of the "+
				"time in the source's rules", u.At, earliest, latest)}
	}
	identifier := u.Identifier.Value
	if len(identifier) > longestIdentifier {
		identifier = strings.ToValidUTF8(identifier[:longestIdentifier], "") + "…"
	}
	var ok bool
	if u.SIM, several, ok = view.Find(u.Identifier, u.At, revision); !ok {
		return 0, false, &udr.SuspendError{Code: "sim_unknown", Values: u.Identifier.Kind.String() + " " + identifier,
			Reason: fmt.Sprintf("no SIM had %s %s at %s; import it with an earlier ownership date, then retry", u.Identifier.Kind,
				identifier, u.At)}
	}
	own, ok := view.Owner(u.SIM, u.At, revision)
	if !ok {
		return 0, false, &udr.SuspendError{Code: "sim_unowned", Values: u.Identifier.Kind.String() + " " + identifier,
			Reason: fmt.Sprintf("the SIM with %s %s belonged to no account at %s; import its owner at that time, then retry",
				u.Identifier.Kind, identifier, u.At)}
	}
	account, ok := view.Account(own.Account, u.At, revision)
	if ok {
		u.Account, u.Root = account.Number, account.Root
		if account.Root != account.Number {
			account, ok = view.Account(account.Root, u.At, revision)
		}
	}
	if !ok {
		return 0, false, &udr.SuspendError{Code: "account_unknown", Values: fmt.Sprintf("account number %d", own.Account),
			Reason: fmt.Sprintf("the account that owned the SIM, or its billing root, did not exist at %s; import it with an earlier "+
				"date, then retry", u.At)}
	}
	return account.Partition, several || view.Several(u.SIM, u.Account), nil
}

// Yours returns the reason why a source may not deliver a routed usage record; nil if it may.
func Yours(view *registry.View, revision registry.Revision, src *source.Source, u *udr.Usage) *udr.SuspendError {
	if src.Only.Has(view, revision, u) {
		return nil
	}
	account, _ := view.AccountID(u.Account)
	return &udr.SuspendError{Code: "not_yours", Values: u.Identifier.Kind.String() + " " + u.Identifier.Value,
		Reason: fmt.Sprintf("source %s may not bring usage of the SIM with %s %s, which belonged to account %s at %s; if it may, widen `only` "+
			"in the source's document and retry, otherwise ask the carrier why it sends this",
			src.Name, u.Identifier.Kind, u.Identifier.Value, account, u.At)}
}
