// Package decodetest provides a binary format for tests of code that handles binary records. No program imports
// it.
package decodetest

import (
	"encoding/binary"
	"fmt"

	"ratemill/mediation/decode"
	"ratemill/rules/record"
)

// In format octets, a record is an octet with the record's length, an IMSI in eight octets of BCD, and a volume in
// four. Each IMSI ends with the filler F. A record of another length is suspended.
type octets struct{}

// DeclareOctets adds format octets to the formats of the process. Call it before any source is loaded.
func DeclareOctets() bool {
	return decode.Declare(decode.Format{Name: "octets", Doc: "For tests.", Octets: true, Options: func() decode.Reader { return &octets{} }})
}

func (*octets) Check(*decode.Options, func(path, format string, args ...any)) {}

func (*octets) Columns() ([]string, bool) { return []string{"imsi", "volume"}, true }

func (o *octets) Again() decode.Reader { return o }

func (*octets) Open(in *decode.Input, layout *record.Layout) (decode.Decoder, error) {
	d, err := in.Octets(layout)
	return &octetsDecoder{d, layout}, err
}

type octetsDecoder struct {
	*decode.Octets
	layout *record.Layout
}

func (d *octetsDecoder) Next(rec *record.Record) error {
	for {
		d.Begin(rec)
		head, err := d.Peek(1)
		if err != nil {
			return err
		}
		raw, err := d.Take(1 + int(head[0]))
		if err != nil {
			return err
		}
		reason := ""
		if len(raw) != 13 {
			reason = fmt.Sprintf("a record has 12 octets, not %d", len(raw)-1)
		} else {
			values := map[string]string{"imsi": fmt.Sprintf("%x", raw[1:9])[:15], "volume": fmt.Sprint(binary.BigEndian.Uint32(raw[9:]))}
			for i, path := range d.layout.Paths() {
				d.Fields[i] = record.Value{Kind: record.Text, Text: []byte(values[path])}
			}
		}
		if framing, err := d.Record(rec, reason); !framing {
			return err
		}
	}
}
