package sepa

import (
	"encoding/xml"
	"time"

	"ratemill/decimal"
	"ratemill/literal"
)

// Namespace is the namespace of the message.
const Namespace = "urn:iso:std:iso:20022:tech:xsd:pain.008.001.08"

// The elements are in the order of the schema. Optional elements are pointers.
type (
	xmlDocument struct {
		XMLName xml.Name  `xml:"urn:iso:std:iso:20022:tech:xsd:pain.008.001.08 Document"`
		Head    xmlHead   `xml:"CstmrDrctDbtInitn>GrpHdr"`
		Batches []xmlInfo `xml:"CstmrDrctDbtInitn>PmtInf"`
	}
	xmlHead struct {
		ID      string `xml:"MsgId"`
		Created string `xml:"CreDtTm"`
		Count   int    `xml:"NbOfTxs"`
		Sum     string `xml:"CtrlSum"`
		Name    string `xml:"InitgPty>Nm"`
	}
	xmlInfo struct {
		ID       string   `xml:"PmtInfId"`
		Method   string   `xml:"PmtMtd"`
		Batch    bool     `xml:"BtchBookg"`
		Count    int      `xml:"NbOfTxs"`
		Sum      string   `xml:"CtrlSum"`
		Service  string   `xml:"PmtTpInf>SvcLvl>Cd"`
		Local    string   `xml:"PmtTpInf>LclInstrm>Cd"`
		Sequence Sequence `xml:"PmtTpInf>SeqTp"`
		On       string   `xml:"ReqdColltnDt"`
		Creditor string   `xml:"Cdtr>Nm"`
		IBAN     string   `xml:"CdtrAcct>Id>IBAN"`
		Bank     xmlBank  `xml:"CdtrAgt>FinInstnId"`
		Charges  string   `xml:"ChrgBr"`
		Scheme   xmlID    `xml:"CdtrSchmeId>Id>PrvtId>Othr"`
		Debits   []xmlTx  `xml:"DrctDbtTxInf"`
	}
	xmlBank struct {
		BIC   string    `xml:"BICFI,omitempty"`
		Other *xmlOther `xml:"Othr"`
	}
	xmlOther struct {
		ID string `xml:"Id"`
	}
	xmlID struct {
		ID     string `xml:"Id"`
		Scheme string `xml:"SchmeNm>Prtry"`
	}
	xmlTx struct {
		EndToEnd string    `xml:"PmtId>EndToEndId"`
		Amount   xmlAmount `xml:"InstdAmt"`
		Mandate  string    `xml:"DrctDbtTx>MndtRltdInf>MndtId"`
		Signed   string    `xml:"DrctDbtTx>MndtRltdInf>DtOfSgntr"`
		Bank     xmlBank   `xml:"DbtrAgt>FinInstnId"`
		Debtor   xmlDebtor `xml:"Dbtr"`
		IBAN     string    `xml:"DbtrAcct>Id>IBAN"`
		Text     string    `xml:"RmtInf>Ustrd,omitempty"`
	}
	xmlDebtor struct {
		Name    string      `xml:"Nm"`
		Address *xmlAddress `xml:"PstlAdr"`
	}
	// xmlAddress is structured, because banks have not accepted unstructured address lines since November 2026.
	xmlAddress struct {
		Street   string `xml:"StrtNm,omitempty"`
		Postcode string `xml:"PstCd,omitempty"`
		Town     string `xml:"TwnNm"`
		Country  string `xml:"Ctry"`
	}
	xmlAmount struct {
		Currency string `xml:"Ccy,attr"`
		Value    string `xml:",chardata"`
	}
)

// XML returns the message as a file.
func (m *Message) XML() ([]byte, error) {
	name := latin(m.Creditor.Name, longestName)
	doc := xmlDocument{Head: xmlHead{m.ID, m.Created.UTC().Format(time.RFC3339), m.Count, cents(m.Sum), name}}
	for _, b := range m.Batches {
		info := xmlInfo{
			ID: batchID(m.ID, &b), Method: "DD", Batch: true, Count: len(b.Debits), Sum: cents(b.Sum), Service: "SEPA", Local: "CORE",
			Sequence: b.Sequence, On: b.On.String(), Creditor: name, IBAN: m.Creditor.IBAN, Bank: bank(m.Creditor.BIC), Charges: "SLEV",
			Scheme: xmlID{m.Creditor.ID, "SEPA"},
		}
		for _, d := range b.Debits {
			info.Debits = append(info.Debits, xmlTx{
				EndToEnd: d.Document, Amount: xmlAmount{d.Currency, cents(d.Amount)}, Mandate: d.Mandate, Signed: d.Signed.String(),
				Bank: bank(d.BIC), Debtor: debtor(&d), IBAN: d.IBAN, Text: latin(d.Text, longestText),
			})
		}
		doc.Batches = append(doc.Batches, info)
	}
	text, err := xml.MarshalIndent(&doc, "", "  ")
	if err != nil {
		return nil, err
	}
	return append([]byte(xml.Header), append(text, '\n')...), nil
}

// batchID returns the message's id with the date and the sequence, within 35 characters.
func batchID(id string, b *Batch) string {
	rest := b.On.UTC().Format("-060102-") + string(b.Sequence)
	return id[:min(len(id), longest-len(rest))] + rest
}

// debtor includes the address where banks need it.
func debtor(d *Debit) xmlDebtor {
	x := xmlDebtor{Name: latin(d.Debtor, longestName)}
	if _, inEEA := literal.InSEPA(d.IBAN); !inEEA {
		a := d.Address
		x.Address = &xmlAddress{latin(a.Street, longestName), latin(a.Postcode, longestCode), latin(a.Town, longestTown), a.Country}
	}
	return x
}

// bank identifies a bank by its BIC. If there is no BIC, the IBAN identifies the bank, but the element
// is still mandatory.
func bank(bic string) xmlBank {
	if bic == "" {
		return xmlBank{Other: &xmlOther{"NOTPROVIDED"}}
	}
	return xmlBank{BIC: bic}
}

// cents returns an amount as banks expect it, with two decimals. Amounts with more decimals were refused earlier.
func cents(d decimal.D) string { return d.Fixed(2) }
