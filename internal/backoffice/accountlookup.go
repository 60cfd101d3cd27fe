package backoffice

import (
	"context"
	"maps"

	"ratemill/account/lookup"
)

// CompanyFound is the entry of a company in a register.
type CompanyFound struct {
	Fields  map[string]string `json:"fields"` // as the register has them
	Service string            `json:"service"`
	At      string            `json:"at"`
	Change  *AccountChange    `json:"change,omitempty"`
}

// LookUp queries a register for a company. If the order contains a company of the installation, the answer is stated
// for it, but unconfirmed, because an operator must first compare it with the company's papers. Fields of the order
// take precedence over those of the register.
func (o *Office) LookUp(ctx context.Context, s *lookup.Service, number, country string, into *SetOrder) (*CompanyFound, error) {
	found, err := s.Find(ctx, number, country)
	if err != nil {
		return nil, &Problem{Missing, err}
	}
	answer := &CompanyFound{Fields: found.Fields, Service: found.Source.Service, At: found.Source.At.Format("2006-01-02T15:04:05Z")}
	if into == nil {
		return answer, nil
	}
	order := *into
	order.Kind, order.Fields = "company", maps.Clone(found.Fields)
	maps.Copy(order.Fields, into.Fields)
	order.Fields["source.service"], order.Fields["source.at"], order.Fields["source.confirmed"] = answer.Service, answer.At, ""
	answer.Change, err = o.Set(ctx, order)
	return answer, err
}
