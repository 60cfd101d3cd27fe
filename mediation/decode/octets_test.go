package decode

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"strconv"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/seeds"
	"ratemill/rules/record"
)

// lengths is a format of octets: after a head of the letters LP and a version, each record has its length in two octets,
// an identifier of eight octets in BCD, and a number of four. A record of the length 0xffff has no end that is known.
type lengths struct {
	Version int `yaml:"version" default:"1" doc:"Version in the head."`
}

var _ = Declare(Format{Name: "lengths", Doc: "Records with their length before them.", Octets: true,
	Options: func() Reader { return &lengths{} }})

func (l *lengths) Check(_ *Options, bad func(path, format string, args ...any)) {
	if l.Version < 0 {
		bad("lengths.version", "is negative")
	}
}

func (l *lengths) Columns() ([]string, bool) { return []string{"id", "octets"}, true }

func (l *lengths) Again() Reader { return l }

func (l *lengths) Open(in *Input, layout *record.Layout) (Decoder, error) {
	o, err := in.Octets(layout)
	if err != nil {
		return nil, err
	}
	d := &lengthsDecoder{Octets: o, layout: layout}
	head, err := o.Peek(3)
	if err == nil && (len(head) < 3 || string(head[:2]) != "LP" || int(head[2]) != l.Version) {
		return nil, o.Broken("the head is not LP with version "+strconv.Itoa(l.Version), "")
	}
	if err == nil {
		o.Pass(3, true)
	}
	if err == io.EOF {
		err = nil
	}
	return d, err
}

type lengthsDecoder struct {
	*Octets
	layout *record.Layout
	texts  []byte
}

func (d *lengthsDecoder) Next(rec *record.Record) error {
	for {
		d.Begin(rec)
		head, err := d.Peek(2)
		if err != nil {
			return err
		}
		n := 2
		if len(head) == 2 {
			n += int(binary.BigEndian.Uint16(head))
		}
		if n == 2+0xffff {
			return d.Broken("a length of 65535 says that there is none", "ask for the file again")
		}
		raw, err := d.Take(n)
		if err != nil {
			return err
		}
		if framing, err := d.Record(rec, d.parse(raw)); !framing {
			return err
		}
	}
}

func (d *lengthsDecoder) parse(raw []byte) string {
	if len(raw) != 14 {
		return "a record has 12 octets, not " + strconv.Itoa(len(raw)-2)
	}
	d.texts = d.texts[:0]
	for i, path := range d.layout.Paths() {
		from := len(d.texts)
		switch path {
		case "id":
			for _, b := range raw[2:10] {
				d.texts = append(d.texts, '0'+b>>4, '0'+b&15)
			}
		case "octets":
			d.texts = strconv.AppendUint(d.texts, uint64(binary.BigEndian.Uint32(raw[10:])), 10)
		}
		d.Fields[i] = record.Value{Kind: record.Text, Text: d.texts[from:]}
	}
	return ""
}

var lengthsFile = []byte("LP\x01" +
	"\x00\x0c\x21\x40\x70\x00\x00\x00\x00\x01\x00\x00\x04\xb0" +
	"\x00\x03\x0a\x0d\x00" + // a bad record that ends as a line does, and with a zero byte
	"\x00\x0c\x21\x40\x70\x00\x00\x00\x00\x02\x00\x00\x00\x0a")

// A format of octets is a file: what is not text has records, bad ones cost themselves, and every octet is counted.
func TestOctetsAreRecords(t *testing.T) {
	o := options(t, "lengths: {}")
	require.True(t, o.Octets())
	require.False(t, o.Typed())
	layout := layoutOf(t, o, nil)
	want := `{"#":1,"id":"2140700000000001","octets":"1200"}
{"#":2,"error":"record 2: a record has 12 octets, not 3"}
{"#":3,"id":"2140700000000002","octets":"10"}
`
	got, n := decoded(t, o, layout, lengthsFile)
	require.Equal(t, want, got)
	require.Equal(t, 3, n)
	d, err := o.Open(iotest.OneByteReader(bytes.NewReader(lengthsFile)), layout)
	require.NoError(t, err)
	got, _ = drained(t, d, layout, len(lengthsFile))
	require.Equal(t, want, got, "however the octets arrive")
	require.Nil(t, d.State())
}

// The kept part of a suspended record can be read again after the text before the records, whatever its octets.
func TestOctetsAreReadAgain(t *testing.T) {
	o := options(t, "lengths: {}")
	layout := layoutOf(t, o, nil)
	d, err := o.Open(bytes.NewReader(lengthsFile), layout)
	require.NoError(t, err)
	var rec record.Record
	for {
		err := d.Next(&rec)
		if err == io.EOF {
			break
		}
		again, opened := o.OpenAgain(d.Preamble(), bytes.Clone(rec.Raw), layout)
		require.NoError(t, opened)
		var one record.Record
		if bad := (*RecordError)(nil); errors.As(err, &bad) {
			var same *RecordError
			require.ErrorAs(t, again.Next(&one), &same)
			require.Equal(t, bad.Reason, same.Reason)
		} else {
			require.NoError(t, again.Next(&one))
			require.Equal(t, rec.Fields, one.Fields)
		}
		require.Equal(t, rec.Raw, one.Raw)
		require.Equal(t, io.EOF, again.Next(&one))
	}
}

func TestFilesOfOctetsThatCannotBeReadOn(t *testing.T) {
	o := options(t, "lengths: {}")
	layout := layoutOf(t, o, nil)
	for content, why := range map[string]string{
		string(lengthsFile[:len(lengthsFile)-1]): "the file ends within record 3, after 13 of 14 octets",
		"LP\x01\x00":                             "the file ends within record 1",
		"LP\x01\xff\xff":                         "record 1, at octet 3: a length of 65535",
		"LP\x02":                                 "the head is not LP with version 1",
		"PK\x03\x04":                             "zip archive",
	} {
		got, _ := decoded(t, o, layout, []byte(content))
		require.Contains(t, got, why)
		require.Contains(t, got, "file: ")
	}
	_, n := decoded(t, o, layout, nil)
	require.Zero(t, n, "an empty file has no records")
}

func TestARecordOfOctetsThatIsTooLongCostsItself(t *testing.T) {
	o := options(t, "{ lengths: {}, limits: { record: 20 } }")
	layout := layoutOf(t, o, nil)
	content := append([]byte("LP\x01\x03\xe8"), make([]byte, 1000)...)
	content = append(content, lengthsFile[3:17]...)
	got, _ := decoded(t, o, layout, content)
	require.Equal(t, `{"#":1,"error":"record 1: longer than 20 bytes (it has 1002)"}
{"#":2,"id":"2140700000000001","octets":"1200"}
`, got)
}

func TestOctetsHaveNoEncoding(t *testing.T) {
	o := Options{Chosen: Of(&lengths{Version: 1}), Encoding: "latin-1"}
	_, err := o.Open(bytes.NewReader(nil), &record.Layout{})
	require.ErrorContains(t, err, "encoding is for text")
}

// Whatever comes after the head, records and framing together are all bytes that were read.
func TestRandomOctets(t *testing.T) {
	o := options(t, "{ lengths: {}, limits: { record: 64 } }")
	layout := layoutOf(t, o, nil)
	random := rand.New(rand.NewPCG(seeds.Fresh(t), 1))
	for range 500 {
		content := []byte("LP\x01")
		for range random.IntN(5) {
			n := random.IntN(80)
			content = binary.BigEndian.AppendUint16(content, uint16(n))
			for range n {
				content = append(content, byte(random.Uint32()))
			}
		}
		if random.IntN(3) == 0 {
			content = content[:random.IntN(len(content)+1)]
		}
		decoded(t, o, layout, content)
	}
}
