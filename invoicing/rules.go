package invoicing

import (
	"fmt"

	"ratemill/invoicing/contract"
	"ratemill/invoicing/document"
	"ratemill/invoicing/product"
	"ratemill/registry"
)

// rules is the code of one version of the rules for documents: it computes due items, lines and taxes, and
// credit notes. The lines of an old document are recomputed with the version that the document states.
type rules struct {
	due       func(*product.Engine, product.Close, func(*document.Item) error) error
	contracts func(*contract.Engine, contract.Close) ([]document.Item, error)
	make      func(*document.Document, *document.Sums, func(*document.Line) (document.Taxed, error)) error
	credit    func(of *document.Document, credits []*document.Document, takes []document.Take) (*document.Document, error)
}

// versions are all versions with which a document was ever issued. To change an amount: copy the function that
// changes, leave the old function in its version, put the new one into the next version, and raise
// document.Rules to it. The documents in testdata/issued test that no version changes.
var versions = map[int]rules{
	1: {due: (*product.Engine).Close, contracts: (*contract.Engine).Items, make: (*document.Document).Make, credit: document.Credit},
}

// current are the rules for new closes and documents.
func current() *rules {
	r := versions[document.Rules]
	return &r
}

// rulesOf returns the rules of the version that a document or close states; 0 is the first version.
func rulesOf(version int) (*rules, error) {
	r, ok := versions[max(version, 1)]
	if !ok {
		return nil, fmt.Errorf("it was computed by version %d of the rules for documents, but this program knows only those "+
			"up to %d; use the program that computed it, or a newer one", version, document.Rules)
	}
	return &r, nil
}

// engines compute the due items of one payer after another.
type engines struct {
	engine    *product.Engine
	signed    *contract.Engine        // nil if there are no contracts
	catalogue func(cycle Date) string // for the current payer: the version with which a cycle was first billed
}

// Use engines in one goroutine only.
func (b *Basis) engines() *engines {
	e := &engines{}
	e.engine = product.New(product.Facts{View: b.View, Statements: b.Statements, Cause: b.Cause}, func(_ string,
		cycle Date) (*product.Documents, error) {
		prices, err := b.Prices(e.catalogue(cycle))
		if err != nil {
			return nil, err
		}
		return prices.Products, nil
	})
	for range b.Statements.Subjects(registry.KindContract) {
		e.signed = contract.New(contract.Facts{View: b.View, Statements: b.Statements}, func(_ string, cycle Date) (*contract.Documents,
			error) {
			prices, err := b.Prices(e.catalogue(cycle))
			if err != nil {
				return nil, err
			}
			return prices.Contracts, nil
		})
		break
	}
	return e
}
