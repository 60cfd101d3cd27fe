package literal_test

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ratemill/literal"
)

// examples are those of the registry of SWIFT, one of each country that publishes one.
var examples = strings.Fields(`AD1200012030200359100100 AE070331234567890123456 AL47212110090000000235698741 AT611904300234573201
AZ21NABZ00000000137010001944 BA391290079401028494 BE68539007547034 BG80BNBG96611020345678 BH67BMAG00001299123456
BI4210000100010000332045181 BR1800360305000010009795493C1 BY13NBRB3600900000002Z00AB00 CH9300762011623852957 CR05015202001026284066
CY17002001280000001200527600 CZ6508000000192000145399 DE89370400440532013000 DJ2100010000000154000100186 DK5000400440116243
DO28BAGR00000001212453611324 EE382200221020145685 EG380019000500000000263180002 ES9121000418450200051332 FI2112345600000785
FK88SC123456789012 FO6264600001631634 FR1420041010050500013M02606 GB29NWBK60161331926819 GE29NB0000000101904917
GI75NWBK000000007099453 GL8964710001000206 GR1601101250000000012300695 GT82TRAJ01020000001210029690 HN88CABF00000000000250005469
HR1210010051863000160 HU42117730161111101800000000 IE29AIBK93115212345678 IL620108000000099999999 IQ98NBIQ850123456789012
IS140159260076545510730339 IT60X0542811101000000123456 JO94CBJO0010000000000131000302 KW81CBKU0000000000001234560101
KZ86125KZT5004100100 LB62099900000001001901229114 LC55HEMM000100010012001200023015 LI21088100002324013AA LT121000011101001000
LU280019400644750000 LV80BANK0000435195001 LY83002048000020100120361 MC5811222000010123456789030 MD24AG000225100013104168
ME25505000012345678951 MK07250120000058984 MN121234123456789123 MR1300020001010000123456753 MT84MALT011000012345MTLCAST001S
MU17BOMM0101101030300200000MUR NI45BAPR00000013000003558124 NL91ABNA0417164300 NO9386011117947 OM810180000001299123456
PK36SCBL0000001123456702 PL61109010140000071219812874 PS92PALS000000000400123456702 PT50000201231234567890154
QA58DOHB00001234567890ABCDEFG RO49AAAA1B31007593840000 RS35260005601001611379 RU0304452522540817810538091310419
SA0380000000608010167519 SC18SSCB11010000000000001497USD SD2129010501234001 SE4550000000058398257466 SI56263300012039086
SK3112000000198742637541 SM86U0322509800000000270100 SO211000001001000100141 ST23000100010051845310146
SV62CENR00000000000000700025 TL380080012345678910157 TN5910006035183598478831 TR330006100519786457841326
UA213223130000026007233566001 VA59001123000012345678 VG96VPVG0000012345678901 XK051212012345678906 YE15CBYE0001018861234567891234`)

func TestTheExamplesOfTheIBANRegistryAreIBANs(t *testing.T) {
	countries := map[string]bool{}
	for _, text := range examples {
		i, err := literal.ParseIBAN(text)
		require.NoError(t, err, text)
		require.Equal(t, text, string(i))
		again, err := literal.ParseIBAN(strings.ToLower(i.String()))
		require.NoError(t, err, "as it is printed")
		require.Equal(t, i, again)
		countries[text[:2]] = true
	}
	require.Len(t, countries, literal.IBANCountries())
}

// A mistyped character, or two neighbours that are exchanged, are found: that is what the check digits are for (ISO 7064, MOD 97-10).
func TestAMistypedIBANIsRefused(t *testing.T) {
	wrong := 0
	for _, text := range examples {
		for i := 4; i < len(text); i++ {
			for _, c := range "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ" {
				if text[i] == byte(c) {
					continue
				}
				typo := text[:i] + string(c) + text[i+1:]
				_, err := literal.ParseIBAN(typo)
				if naive(typo) == 1 {
					require.False(t, sameKindOf(text[i], byte(c)), "%s has right check digits", typo)
					continue
				}
				require.Error(t, err, typo)
				wrong++
			}
			if i+1 < len(text) && text[i] != text[i+1] && sameKindOf(text[i], text[i+1]) {
				_, err := literal.ParseIBAN(text[:i] + text[i+1:i+2] + text[i:i+1] + text[i+2:])
				require.Error(t, err)
			}
		}
	}
	require.Greater(t, wrong, 10_000)
}

func sameKindOf(a, b byte) bool { return (a <= '9') == (b <= '9') }

// naive is the remainder by 97 as the standard says it: of one long number.
func naive(iban string) int64 {
	var digits strings.Builder
	for _, c := range iban[4:] + iban[:4] {
		if c >= 'A' {
			fmt.Fprint(&digits, c-'A'+10)
		} else {
			digits.WriteRune(c)
		}
	}
	n, _ := new(big.Int).SetString(digits.String(), 10)
	return n.Mod(n, big.NewInt(97)).Int64()
}

func TestWhatIsNoIBANSaysWhy(t *testing.T) {
	for text, wanted := range map[string]string{
		"":                            "it begins with the two letters of a country",
		"89DE370400440532013000":      "it begins with the two letters of a country",
		"US89370400440532013000":      "US is not a country whose banks use one",
		"DE8937040044053201300":       "an IBAN of DE has 22 characters, this one has 21",
		"DE8937040044053201300A":      "must be digits",
		"GB29N3BK60161331926819":      `"N3BK" must be letters`,
		"DE88370400440532013000":      "its check digits 88 are wrong",
		"DE89370400440532013001":      "its check digits 89 are wrong",
		"DE00370400440532013000":      "its check digits 00 are wrong",
		"DE89 3704 0044 0532 0130 0ü": "this one has",
	} {
		_, err := literal.ParseIBAN(text)
		require.ErrorContains(t, err, wanted, text)
	}
}

func TestAMistypedCreditorIdentifierIsRefused(t *testing.T) {
	for _, text := range []string{"DE98ZZZ09999999999", "ES50ZZZM23456789", "es50 zzz m23456789", "DE98AB109999999999"} {
		id, err := literal.ParseCreditor(text)
		require.NoError(t, err, "the three characters of the creditor are not checked")
		require.Equal(t, strings.ToUpper(strings.ReplaceAll(text, " ", "")), id)
	}
	for text, wanted := range map[string]string{
		"":                    "it has a form such as",
		"DE98ZZZ":             "it has a form such as",
		"DE98ZZZ0999-999":     "it has a form such as",
		"DE98ZZZ09999999998":  "its check digits 98 are wrong",
		"ES98ZZZ09999999999":  "its check digits 98 are wrong",
		"DE98ZZZ099999999990": "its check digits 98 are wrong",
	} {
		_, err := literal.ParseCreditor(text)
		require.ErrorContains(t, err, wanted, text)
	}
}
