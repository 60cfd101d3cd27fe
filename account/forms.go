package account

import (
	"fmt"
	"slices"

	"ratemill/diag"
	"ratemill/registry"
)

// Forms describes how the statements of this package are written in import files.
func Forms(in *Installation) []registry.Form {
	if in == nil {
		in = &Installation{}
	}
	forms := []registry.Form{
		form[Company](registry.KindCompany, in), form[Project](registry.KindProject, in), form[StatedStatus](registry.KindStatus, in),
		form[Profile](registry.KindProfile, in), form[Details](registry.KindDetails, in), form[Resource](registry.KindResource, in),
		form[Group](registry.KindGroup, in), form[Contact](registry.KindContact, in), form[Shipping](registry.KindAddress, in),
		form[Addon](registry.KindAddon, in), form[Package](registry.KindPackage, in), form[Setting](registry.KindSetting, in),
		form[Membership](registry.KindMember, in),
	}
	for i := range forms {
		switch forms[i].Kind {
		case registry.KindResource:
			forms[i].Instance = in.resourceNamed
		case registry.KindSetting:
			forms[i].Instance = settingNamed
		}
	}
	return forms
}

// resourceNamed checks the kind and the name of a resource.
func (in *Installation) resourceNamed(parts []string) (wrong int, err error) {
	kind, name := parts[0], parts[1]
	if !slices.Contains(ResourceKinds, kind) {
		return 0, fmt.Errorf("%s is not a kind of resource%s", kind, instead(kind, ResourceKinds))
	}
	return 1, in.Documents.Declares(ResourceName{kind, name})
}

// settingNamed checks the kind of a resource that a SIM has.
func settingNamed(parts []string) (wrong int, err error) {
	if kind := parts[0]; !slices.Contains(SettingKinds, kind) {
		return 0, fmt.Errorf("%s is not a kind of resource that a SIM has%s", kind, instead(kind, SettingKinds))
	}
	return 0, nil
}

// StatedStatus is the status of an account in an import file, for accounts that already exist in another system. It
// has no effects on SIMs or other accounts; to change a status with its effects, use `ratemill account status`.
type StatedStatus struct {
	Status string `yaml:"status,required" json:"status" enum:"draft|new|lead|active|suspended|terminated" doc:"Stage of the account's life."`
}

// Membership is the group of a SIM.
type Membership struct {
	Group string `yaml:"group,required" json:"group" names:"group" doc:"Id of the group, one of the SIM's account." example:"north"`
}

func form[T any](kind registry.Kind, in *Installation) registry.Form {
	var empty T
	return registry.Form{Kind: kind, Fields: registry.FieldsOf(empty), Read: func(n *diag.Node) ([]byte, diag.List) {
		var v T
		d := &diag.Decoder{}
		d.Decode(n, &v)
		if value, ok := any(&v).(checked); ok {
			value.check(&checker{d, n, in})
		}
		if d.HasErrors() {
			return nil, d.List
		}
		return Canonical(v), d.List
	}}
}
