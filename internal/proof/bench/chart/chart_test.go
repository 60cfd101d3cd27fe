package chart

import (
	"bytes"
	"encoding/xml"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLinesAreDrawnWhereTheirNumbersAre(t *testing.T) {
	c := Lines{Title: "cost & growth", X: "SIMs", Y: "µs", LogX: true, Series: []Series{
		{"rating", []Point{{1, 0}, {10, 50}, {100, 100}}}, {"registry <lookup>", []Point{{1, 10}, {100, 10}}},
	}}
	svg := written(t, &c)
	require.Contains(t, svg, "cost &amp; growth")
	require.Contains(t, svg, "registry &lt;lookup&gt;")
	// 5 % of room above the largest value; the second point lies in the middle of two decades.
	require.Contains(t, svg, `d="M90.0 348.0L380.0 204.2L670.0 60.4"`)
	require.Equal(t, 5, strings.Count(svg, "<circle"))
	require.Error(t, (&Lines{}).WriteSVG(io.Discard))
}

func TestBarsAreTheSumOfTheirParts(t *testing.T) {
	svg := written(t, &Bars{Title: "cost", Unit: "µs", Legend: []string{"a", "b"}, Rows: []Row{{"one", []float64{1, 3}}, {"other", []float64{2}}}})
	require.Contains(t, svg, ">4</text>")
	require.Contains(t, svg, `x="150.0" y="53.0" width="123.8"`)
	require.Contains(t, svg, `x="273.8" y="53.0" width="371.4"`)
}

func TestTicksAreRound(t *testing.T) {
	require.Equal(t, []float64{0, 5, 10, 15, 20, 25}, axis{low: 0, high: 27}.ticks())
	require.Equal(t, []float64{1, 10, 100}, axis{low: 1, high: 100, log: true}.ticks())
	require.Equal(t, "10 M", number(1e7))
	require.Equal(t, "1,500", number(1500))
	require.Equal(t, "0.25", number(0.25))
}

// written is a picture as XML that can be read.
func written(t *testing.T, c interface{ WriteSVG(io.Writer) error }) string {
	var b bytes.Buffer
	require.NoError(t, c.WriteSVG(&b))
	for d := xml.NewDecoder(bytes.NewReader(b.Bytes())); ; {
		if _, err := d.Token(); err == io.EOF {
			return b.String()
		} else {
			require.NoError(t, err)
		}
	}
}
