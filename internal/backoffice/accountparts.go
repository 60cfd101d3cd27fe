package backoffice

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"ratemill/account"
	"ratemill/diag"
	"ratemill/registry"
	"ratemill/udr"
)

// ResourceOrder requests that a resource is assigned to an account or withdrawn.
type ResourceOrder struct {
	AccountOrder
	Account  string
	Resource string // KIND/NAME
	Default  bool   // make it the default of its kind, replacing another
	Open     bool   // users of the account may choose it
	Inactive bool
	Take     bool // withdraw it from the account
}

// SetResource assigns a resource to an account.
func (o *Office) SetResource(ctx context.Context, r ResourceOrder) (*AccountChange, error) {
	name, ok := account.ParseResourceName(r.Resource)
	if !ok {
		kind, _, _ := strings.Cut(r.Resource, "/")
		return nil, fmt.Errorf("%s is not KIND/NAME, as in price_plan/fleet%s", r.Resource, orAll(diag.Suggest(kind, account.ResourceKinds),
			"kind of resource", account.ResourceKinds))
	}
	return o.changeAccounts(ctx, &r.AccountOrder, func(d *accountDraft) error {
		when, as, err := d.account(r.Account)
		if err != nil {
			return err
		}
		if err := d.provider(r.Account, as, when, "the resources"); err != nil {
			return err
		}
		if r.Take {
			return d.end(registry.KindResource, r.Account, name.String(), when)
		}
		given := d.book.Given(r.Account, when)
		v := account.Resource{Inactive: r.Inactive, Default: r.Default, Access: "provider"}
		if r.Open {
			v.Access = account.OpenToAccount
		}
		d.wrong = append(d.wrong, given.Assign(name, v, d.in.Documents)...)
		if v.Inactive && v.Default {
			d.wrong = append(d.wrong, fmt.Errorf("%s cannot be the default while it is inactive", name))
		}
		if err := reachable(given, as, name); err != nil && len(d.wrong) == 0 {
			d.wrong = append(d.wrong, err)
		}
		d.state(registry.KindResource, r.Account, name.String(), when, v)
		if r.Default {
			d.only(r.Account, given, name, when)
		}
		return nil
	})
}

// reachable checks that a reseller assigns only resources that are open to itself.
func reachable(given account.Given, as account.Actor, name account.ResourceName) error {
	if as.Provider() {
		return nil
	}
	i := slices.IndexFunc(given, func(l account.Level) bool { return l.Account == as.Account })
	if i < 0 || !given[i:].Restricted(name.Kind) {
		return nil
	}
	return given[i:].Entitled(as, name)
}

// only removes the default mark from the other resources of a kind.
func (d *accountDraft) only(id string, given account.Given, name account.ResourceName, when udr.Instant) {
	var others []account.ResourceName
	for other, r := range given[0].Resources {
		if other.Kind == name.Kind && other != name && r.Default {
			others = append(others, other)
		}
	}
	slices.SortFunc(others, func(a, b account.ResourceName) int { return strings.Compare(a.Name, b.Name) })
	for _, other := range others {
		r := given[0].Resources[other]
		r.Default = false
		d.state(registry.KindResource, id, other.String(), when, r)
		d.answer.Notes = append(d.answer.Notes, other.String()+" is no longer the default")
	}
}

// GroupOrder requests that a group is created, renamed or ended.
type GroupOrder struct {
	AccountOrder
	Account string // the enterprise
	Group   string
	Name    string // for people
	Take    bool   // end the group; its SIMs stay with the account
}

// SetGroup creates, renames or ends a group of an account's SIMs.
func (o *Office) SetGroup(ctx context.Context, r GroupOrder) (*AccountChange, error) {
	return o.changeAccounts(ctx, &r.AccountOrder, func(d *accountDraft) error {
		when, as, err := d.account(r.Account)
		if err != nil {
			return err
		}
		if as.Account != r.Account {
			return conflict("only the enterprise itself defines groups: add --as %s if it asked you to", r.Account)
		}
		if g := account.Value[account.Group](d.book, registry.KindGroup, r.Group, "", when); g != nil && g.Account != r.Account {
			return conflict("another account has a group %s; choose another id", r.Group)
		}
		if r.Take {
			return d.end(registry.KindGroup, r.Group, "", when)
		}
		return setFields[account.Group](d, registry.KindGroup, r.Group, "", when, "", map[string]string{"account": r.Account, "name": r.Name})
	})
}

// AddonOrder requests an add-on for an account, or the end of one.
type AddonOrder struct {
	AccountOrder
	Account  string
	Addon    string // NAME, or NAME/INSTANCE
	Quantity int    // 0: unchanged, or 1 for a new add-on
	Price    string // replaces the product's price; only the provider may set it
	Notes    string
	Take     bool
}

// SetAddon adds an add-on to an account, or ends one. Users of the account may order the add-ons that are
// open to them.
func (o *Office) SetAddon(ctx context.Context, r AddonOrder) (*AccountChange, error) {
	kind, instance, ok := strings.Cut(r.Addon, "/")
	if !ok {
		instance = "1"
	}
	if kind == "" || instance == "" || strings.Contains(instance, "/") {
		return nil, fmt.Errorf("%s is neither NAME nor NAME/INSTANCE, as in vpn/madrid", r.Addon)
	}
	name := kind + "/" + instance
	return o.changeAccounts(ctx, &r.AccountOrder, func(d *accountDraft) error {
		when, as, err := d.account(r.Account)
		if err != nil {
			return err
		}
		if !as.Provides(account.Path(d.book, r.Account, when)) {
			if s := d.book.Status(r.Account, when).Status; s != account.Active {
				return conflict("account %s is %s; add-ons are for active accounts", r.Account, s)
			}
			if r.Price != "" {
				return conflict("only the provider sets the price of an add-on")
			}
		}
		resource := account.ResourceName{Kind: account.AddonResource, Name: kind}
		if err := d.book.Given(r.Account, when).Entitled(as, resource); err != nil {
			return &Problem{Conflict, err}
		}
		if r.Take {
			return d.end(registry.KindAddon, r.Account, name, when)
		}
		if err := d.in.Documents.Declares(resource); err != nil {
			return &Problem{Missing, err}
		}
		fields := map[string]string{}
		if r.Quantity != 0 {
			fields["quantity"] = fmt.Sprint(r.Quantity)
		}
		if r.Price != "" {
			fields["price"] = r.Price
		}
		if r.Notes != "" {
			fields["notes"] = r.Notes
		}
		return setFields[account.Addon](d, registry.KindAddon, r.Account, name, when, "", fields)
	})
}
