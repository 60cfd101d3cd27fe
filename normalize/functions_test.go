package normalize

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/stretchr/testify/require"
)

// Every example of every declared function is true. The calls are run by a reader of just what examples need: calls,
// text in quotes, true and false, arguments by name.
func TestExamples(t *testing.T) {
	for _, f := range Functions() {
		for _, e := range f.Examples {
			t.Run(e.Expr, func(t *testing.T) {
				require.True(t, strings.HasPrefix(e.Expr, f.Name+"("))
				value, rest, err := evaluate(e.Expr)
				require.Empty(t, rest)
				if e.Error != "" {
					require.ErrorContains(t, err, e.Error)
					require.IsType(t, &Error{}, err)
					return
				}
				require.NoError(t, err)
				require.Equal(t, e.Result, show(value, f.Unit))
			})
		}
	}
}

func TestDeclarationsAreComplete(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Functions() {
		signature := f.Name
		for _, p := range f.Params {
			if !p.Optional {
				signature += " " + p.Type.String()
			}
			require.NotEmpty(t, p.Doc, signature)
			require.NotEmpty(t, p.Type.String(), signature)
			require.Equal(t, p.Optional, p.Default != "", signature)
		}
		require.False(t, seen[signature], "%s is declared twice", signature)
		seen[signature] = true
		require.NotEmpty(t, f.Doc, signature)
		require.NotEmpty(t, f.Go, signature)
		require.NotEmpty(t, f.Family, signature)
		require.NotEmpty(t, f.Examples, signature)
		require.Equal(t, f.Result == QuantityType, f.Unit != "", signature)
	}
}

func show(value any, unit string) string {
	switch v := value.(type) {
	case Moment:
		return time.Unix(0, v.Nano).UTC().Format(time.RFC3339Nano)
	case int64:
		if unit == "" || unit == "1" {
			return strconv.FormatInt(v, 10)
		}
		return fmt.Sprintf("%d %s", v, unit)
	case []byte:
		return string(v)
	}
	return fmt.Sprint(value)
}

type call struct {
	values []any
	named  map[string]any
}

func (c *call) bytes(i int) []byte { return []byte(c.values[i].(string)) }

func (c *call) text(name, otherwise string) string {
	if v, ok := c.named[name]; ok {
		return v.(string)
	}
	return otherwise
}

func (c *call) phoneOptions() PhoneOptions {
	var o PhoneOptions
	o.From, _ = c.named["from"].(Country)
	o.International, _ = c.named["international"].(bool)
	o.Strip = c.text("strip", "")
	return o
}

func (c *call) timeOptions() (TimeOptions, error) {
	var o TimeOptions
	if name := c.text("zone", ""); name != "" {
		zone, err := LoadZone(name)
		if err != nil {
			return o, err
		}
		o.Zone = zone
	}
	o.Ambiguous = map[string]Choice{"earlier": Earlier, "later": Later, "refuse": Refuse}[c.text("ambiguous", "earlier")]
	o.Missing = map[string]Choice{"shift": Shift, "refuse": Refuse}[c.text("missing", "shift")]
	return o, nil
}

func evaluate(expr string) (value any, rest string, err error) {
	switch {
	case strings.HasPrefix(expr, `"`):
		quoted, err := strconv.QuotedPrefix(expr)
		if err != nil {
			return nil, expr, err
		}
		text, err := strconv.Unquote(quoted)
		return text, expr[len(quoted):], err
	case strings.HasPrefix(expr, "true"):
		return true, expr[4:], nil
	}
	open := strings.IndexByte(expr, '(')
	name, rest := expr[:open], expr[open+1:]
	c := &call{named: map[string]any{}}
	for !strings.HasPrefix(rest, ")") {
		rest = strings.TrimPrefix(rest, ", ")
		key := ""
		if head, tail, ok := strings.Cut(rest, ": "); ok && strings.Trim(head, "abcdefghijklmnopqrstuvwxyz_") == "" {
			key, rest = head, tail
		}
		var argument any
		if argument, rest, err = evaluate(rest); err != nil {
			return nil, "", err
		}
		if key != "" {
			c.named[key] = argument
		} else {
			c.values = append(c.values, argument)
		}
	}
	value, err = invoke(name, c)
	return value, rest[1:], err
}

func invoke(name string, c *call) (any, error) {
	switch first := c.values[0].(type) {
	case Network:
		switch name {
		case "country":
			return first.Country(), nil
		case "carrier":
			return first.Name(), nil
		case "operator":
			return first.Operator(), nil
		case "unpadded":
			return first.Unpadded(), nil
		}
	case E164:
		switch name {
		case "country":
			return first.Country(), nil
		case "carrier":
			return first.Carrier(), nil
		case "calling_code":
			return int64(first.CallingCode()), nil
		}
	case Country:
		switch name {
		case "country_name":
			return first.Name(), nil
		case "country_alpha3":
			return first.Alpha3(), nil
		}
	case Address:
		return first.Kind.String(), nil
	}
	in := c.bytes(0)
	switch name {
	case "phone":
		return ParsePhone(in, c.phoneOptions())
	case "msisdn":
		return ParseMSISDN(in)
	case "address":
		return ParseAddress(in, c.phoneOptions())
	case "sip_user":
		return SIPUser(in)
	case "country":
		return ParseCountry(in)
	case "mcc_country":
		return CountryByMCC(in)
	case "calling_country":
		return CountryByCallingCode(in)
	case "network":
		if len(c.values) == 2 {
			return JoinNetwork(in, c.bytes(1))
		}
		return ParseNetwork(in)
	case "plmn":
		return ParseNetworkHex(in)
	case "tadig":
		return ParseTADIG(in)
	case "time":
		o, err := c.timeOptions()
		if err != nil {
			return nil, err
		}
		layout, err := CompileLayout(string(c.bytes(1)), o)
		if err != nil {
			return nil, err
		}
		return layout.Parse(in)
	case "rfc3339":
		return ParseRFC3339(in)
	case "iso8601":
		o, err := c.timeOptions()
		if err != nil {
			return nil, err
		}
		return ParseISO8601(in, o)
	case "epoch":
		return ParseEpoch(in, map[string]EpochUnit{"s": Seconds, "ms": Milliseconds, "us": Microseconds, "ns": Nanoseconds}[c.text("unit", "s")])
	case "imsi":
		return ParseIMSI(in)
	case "imsi_network":
		imsi, err := ParseIMSI(in)
		return imsi.Network(), err
	case "iccid":
		return ParseICCID(in)
	case "imei":
		return ParseIMEI(in)
	case "imei_device":
		imei, err := ParseIMEI(in)
		return imei.Device(), err
	case "eid":
		return ParseEID(in)
	case "mac":
		return ParseMAC(in)
	case "ip":
		return ParseIP(in)
	case "cisco_ip":
		return ParseCiscoIP(in)
	case "uuid":
		return ParseUUID(in)
	case "octets":
		unit, err := ParseDataUnit(c.text("unit", "B"))
		if err != nil {
			return nil, err
		}
		round, err := ParseRounding(c.text("round", "exact"))
		if err != nil {
			return nil, err
		}
		return Octets(in, unit, round)
	case "seconds", "milliseconds":
		unit, err := ParseDurationUnit(c.text("unit", map[string]string{"seconds": "s", "milliseconds": "ms"}[name]))
		if err != nil {
			return nil, err
		}
		round, err := ParseRounding(c.text("round", "up"))
		if err != nil {
			return nil, err
		}
		if name == "seconds" {
			return DurationSeconds(in, unit, round)
		}
		return DurationMilliseconds(in, unit, round)
	case "count":
		return Count(in)
	case "comma":
		return DecimalComma(nil, in)
	case "hex":
		return Hexadecimal(in)
	case "url_decode":
		form, _ := c.named["form"].(bool)
		return URLDecoded(nil, in, form)
	case "unsigned32":
		return Unsigned32(in)
	case "currency":
		return ParseCurrency(in)
	case "minor_units":
		currency, err := ParseCurrency(in)
		return int64(currency.MinorUnits()), err
	case "absent":
		return Absent(in), nil
	}
	return nil, fmt.Errorf("the test cannot call %s", name)
}
