package account

import (
	"slices"
	"strings"

	"ratemill/decimal"
)

// Resource is a resource that is assigned to an account. The statement about it is named KIND/NAME.
type Resource struct {
	Inactive bool   `yaml:"inactive" json:"inactive,omitempty" doc:"true: it is assigned, and cannot be used yet."`
	Default  bool   `yaml:"default" json:"default,omitempty" doc:"true: SIMs of the account get it by default. Only one of each kind can be the default."`
	Access   string `yaml:"access" json:"access,omitempty" default:"provider" enum:"provider|account" doc:"Who may choose it: only the provider, or also users of the account."`
}

func (v *Resource) check(c *checker) {
	if v.Inactive && v.Default {
		c.errorf("default", "is only for a resource that can be used; remove inactive")
	}
}

// Open reports whether users of the account may choose it.
func (v Resource) Open() bool { return v.Access == OpenToAccount }

// OpenToAccount is the access setting of resources that users of an account may choose.
const OpenToAccount = "account"

// The kinds of resources.
const (
	APNGroup        = "apn_group"
	ServiceProfile  = "service_profile"
	RoamingProfile  = "roaming_profile"
	SecurityProfile = "security_profile"
	PricePlan       = "price_plan"
	SharePlan       = "share_plan"
	SIMProduct      = "sim_product"
	TimeSlices      = "time_slices"
	PrivateNetwork  = "private_network"
	AddonResource   = "addon"
	PackageResource = "package"
)

// ResourceKinds lists the kinds of resources, in the order in which they are shown.
var ResourceKinds = []string{APNGroup, ServiceProfile, RoamingProfile, SecurityProfile, PricePlan, SharePlan, SIMProduct, TimeSlices,
	PrivateNetwork, AddonResource, PackageResource}

// ResourceName is a resource's kind and name.
type ResourceName struct{ Kind, Name string }

// String is KIND/NAME.
func (n ResourceName) String() string { return n.Kind + "/" + n.Name }

// ParseResourceName reads KIND/NAME.
func ParseResourceName(text string) (ResourceName, bool) {
	kind, name, ok := strings.Cut(text, "/")
	return ResourceName{kind, name}, ok && name != "" && slices.Contains(ResourceKinds, kind)
}

// Group is a set of an account's SIMs that the enterprise defines. It shares all resources of the account.
type Group struct {
	Account string `yaml:"account,required" json:"account" names:"account" doc:"The account whose SIMs are in the group." example:"acme"`
	Name    string `yaml:"name,required" json:"name" doc:"Name for people." example:"North"`
}

func (v *Group) check(c *checker) { c.notBlank("name", v.Name) }

// Addon is an add-on that an account or a SIM has on top of its plan. Its statement has the name NAME/INSTANCE.
type Addon struct {
	Quantity int        `yaml:"quantity" json:"quantity,omitempty" default:"1" doc:"Quantity, 1 or more."`
	Price    *decimal.D `yaml:"price" json:"price,omitempty" doc:"Price per unit and cycle; it replaces the product's price." example:"25.00"`
	Notes    string     `yaml:"notes" json:"notes,omitempty" doc:"Note for colleagues, such as the name of the VPN." example:"IPsec to Madrid"`
}

// Package is a package that an account or a SIM bought. Its statement has the name NAME/INSTANCE, and begins with the
// purchase.
type Package struct {
	Cap      *int       `yaml:"cap" json:"cap,omitempty" doc:"Units that are free beyond those of the package, in percent; by default, the value in the catalogue." example:"10"`
	Renewal  string     `yaml:"renewal" json:"renewal,omitempty" enum:"never|on_expiry|on_use_up" doc:"When it renews automatically: when its time is over, or when its units are used up. Without it, never. A later row can only stop the renewal, with never." example:"on_expiry"`
	Price    *decimal.D `yaml:"price" json:"price,omitempty" doc:"Net price of each renewal; by default, the price in the catalogue, if it is in the payer's currency." example:"9.90"`
	Currency string     `yaml:"currency" json:"currency,omitempty" doc:"Currency of the price; it must be the payer's." example:"EUR"`
	Notes    string     `yaml:"notes" json:"notes,omitempty" doc:"Words for colleagues." example:"order 18"`
}

func (v *Package) check(c *checker) {
	if v.Cap != nil && (*v.Cap < 0 || *v.Cap > 1000) {
		c.errorf("cap", "must be 0 to 1000 percent, not %d", *v.Cap)
	}
	if v.Price != nil && v.Price.Sign() < 0 {
		c.errorf("price", "must be 0 or more, not %s", v.Price)
	}
	if v.Price != nil && v.Price.Sign() > 0 && v.Currency == "" {
		c.errorf("price", "needs the currency of the payer as well, such as EUR")
	}
}

func (v *Addon) check(c *checker) {
	if v.Quantity < 1 {
		c.errorf("quantity", "must be 1 or more, not %d; to remove the add-on, end it", v.Quantity)
	}
	if v.Price != nil && v.Price.Sign() < 0 {
		c.errorf("price", "must be 0 or more, not %s", v.Price)
	}
}

// Setting is the resource of one kind that a SIM uses. The name of its statement is the kind.
type Setting struct {
	Name string `yaml:"name,required" json:"name" doc:"Name of the resource." example:"apn-m2m"`
}

// SettingKinds lists the kinds of resources. A SIM uses at most one resource of each kind.
var SettingKinds = []string{APNGroup, ServiceProfile, RoamingProfile, SecurityProfile}
