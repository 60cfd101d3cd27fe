package normalize

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNetworks(t *testing.T) {
	for text, want := range map[string]Network{
		"20810": {208, 10, 2}, "208-10": {208, 10, 2}, "208,10": {208, 10, 2}, "208, 10": {208, 10, 2}, "208 10": {208, 10, 2},
		"20810F": {208, 10, 2},
		"208010": {208, 10, 3}, "214-07": {214, 7, 2}, "214007": {214, 7, 3}, "310/410": {310, 410, 3}, "00101": {1, 1, 2}, "208-1": {208, 1, 2},
	} {
		got, err := ParseNetwork([]byte(text))
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for text, reason := range map[string]string{"": "MNC 2 or 3", "2081": "leading zeros", "2081000": "more than six", "20-810": "not an MCC",
		"208-": "not an MCC", "208--10": "not an MCC",
		"ABCDE": "not an MCC", "00000": "all zeros", "65535-1": "not an MCC", "208F10": "not an MCC"} {
		_, err := ParseNetwork([]byte(text))
		require.ErrorContains(t, err, reason, text)
	}
	require.NotEqual(t, Network{214, 7, 2}, Network{214, 7, 3})
	require.Equal(t, "Movistar", Network{214, 7, 2}.Name())
	require.Equal(t, "LU", Network{270, 77, 2}.Country().String(), "the operational entry wins over a stale one of Belgium")
	require.Equal(t, "GE", Network{289, 67, 2}.Country().String())
	require.Equal(t, NoCountry, Network{901, 28, 2}.Country())
	require.Equal(t, "ES", Network{214, 777, 3}.Country().String(), "not listed, but the MCC is Spain's")
	require.False(t, Network{214, 777, 3}.Known())
	require.Equal(t, [3]byte{0x02, 0xF8, 0x01}, Network{208, 10, 2}.PLMN())
}

// A number field takes the zeros of a code; they are given back when one network fits, and not guessed when two do.
func TestLostZerosOfNetworksAreGivenBackWhenOneFits(t *testing.T) {
	for _, c := range [][3]string{{"722", "70", "722-070"}, {"722", "070", "722-070"}, {"214", "7", "214-07"}, {"310", "410", "310-410"},
		{"208", "10", "208-10"}, {"208", "99", "208-99"}, {"334", "050", "334-050"}} {
		got, err := JoinNetwork([]byte(c[0]), []byte(c[1]))
		require.NoError(t, err, c)
		require.Equal(t, c[2], got.String(), c)
	}
	_, err := JoinNetwork([]byte("334"), []byte("50"))
	require.ErrorContains(t, err, "either 334-50 or 334-050")
	for text, want := range map[string]string{"722-70": "722-070", "72270": "722-070", "334-50": "334-50", "20810": "208-10"} {
		got, err := ReadNetwork([]byte(text))
		require.NoError(t, err, text)
		require.Equal(t, want, got.String(), text)
	}
	for _, row := range networks().list { // whatever a number field leaves of a listed network, it is that one or nobody's
		mcc, mnc := row.String()[:3], strings.TrimLeft(row.String()[4:], "0")
		if got, err := JoinNetwork([]byte(mcc), []byte(mnc)); err == nil {
			require.Equal(t, row.Network, got, "%s and %s", mcc, mnc)
		}
	}
}

// Every listed network is found, keeps its text, and survives its PLMN identity.
func TestEveryNetworkRoundTrips(t *testing.T) {
	require.Len(t, networks().list, 3261)
	for _, row := range networks().list {
		require.True(t, row.Known())
		got, err := ParseNetwork([]byte(row.String()))
		require.NoError(t, err)
		require.Equal(t, row.Network, got)
		plmn := row.PLMN()
		got, err = NetworkFromPLMN(plmn[:])
		require.NoError(t, err)
		require.Equal(t, row.Network, got)
		if row.country != NoCountry {
			require.True(t, row.country.Known(), "%s is in %s", row.Network, row.country)
		}
	}
}

func TestCountries(t *testing.T) {
	require.Len(t, countries().list, 251)
	for _, row := range countries().list[1:] {
		for _, text := range []string{row.alpha2.String(), row.alpha3, row.name, row.official} {
			got, err := ParseCountry([]byte(text))
			require.NoError(t, err, text)
			require.Equal(t, row.alpha2, got, text)
		}
	}
	for text, want := range map[string]string{"united states of america (the)": "US", "Türkiye": "TR", "turkey": "TR", "UK": "GB",
		"Kosovo": "XK", "Russian Federation": "RU", "the Netherlands": "NL", "viet nam": "VN"} {
		got, err := ParseCountry([]byte(text))
		require.NoError(t, err, text)
		require.Equal(t, want, got.String(), text)
	}
}

func TestTADIGs(t *testing.T) {
	table, err := ParseTADIGs("# partners\nESPT2,214-05\n\nfraf2;20810\n")
	require.NoError(t, err)
	code, err := ParseTADIG([]byte("FRAF2"))
	require.NoError(t, err)
	got, ok := table.Network(code)
	require.True(t, ok)
	require.Equal(t, "208-10", got.String())
	require.Equal(t, "FR", code.Country().String())
	_, err = ParseTADIGs("ESPT2,214-05\nESPT2,214-07")
	require.ErrorContains(t, err, "already means 214-05")
}

func FuzzNetwork(f *testing.F) {
	for _, text := range []string{"20810", "208-10", "208,1", "310410", "20810F", "02F801", "0x130014"} {
		f.Add([]byte(text), []byte("7"))
	}
	f.Fuzz(func(t *testing.T, text, mnc []byte) {
		for _, read := range []func() (Network, error){
			func() (Network, error) { return ParseNetwork(text) },
			func() (Network, error) { return JoinNetwork(text, mnc) },
			func() (Network, error) { return ParseNetworkHex(text) },
			func() (Network, error) { return NetworkFromPLMN(mnc) },
		} {
			n, err := read()
			if err != nil {
				require.IsType(t, &Error{}, err)
				continue
			}
			if n.MCC == 0 && n.MNC == 0 {
				continue
			}
			again, err := ParseNetwork([]byte(n.String()))
			require.NoError(t, err)
			require.Equal(t, n, again)
			n.Country()
			n.Unpadded()
		}
	})
}

func BenchmarkNetwork(b *testing.B) {
	b.ReportAllocs()
	in := []byte("20810")
	for range b.N {
		n, err := ParseNetwork(in)
		if err != nil || n.Country() == NoCountry {
			b.Fatal()
		}
	}
}
