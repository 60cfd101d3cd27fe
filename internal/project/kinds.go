package project

import (
	"slices"

	"ratemill/account"
	"ratemill/invoicing/contract"
	"ratemill/invoicing/product"
	"ratemill/invoicing/terms"
	"ratemill/rating"
)

// Kinds lists the kinds of catalogue documents that rating does not own, each declared by its owner. A kind may refer
// to the documents of the kinds before it. check, fmt, the JSON Schema, docs/catalogue-fields.md and the stored
// catalogue use this list.
func Kinds() []rating.Kind {
	return slices.Concat(account.Kinds(), product.Kinds(), contract.Kinds(), terms.Kinds())
}
