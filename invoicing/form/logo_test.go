package form

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func svgOf(box, body string) string {
	return `<svg xmlns="http://www.w3.org/2000/svg" xmlns:x="http://www.w3.org/1999/xlink" viewBox="` + box + `">` + body + `</svg>`
}

func pngOf(t testing.TB, width, height int) []byte {
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	for x := range width {
		for y := range height {
			m.Set(x, y, color.NRGBA{11, 122, 91, uint8(255 * x / width)}) // from transparent to green
		}
	}
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, m))
	return b.Bytes()
}

func TestLogosThatCannotBeDrawnAreRefused(t *testing.T) {
	const box = "0 0 100 40"
	for file, want := range map[string]string{
		"not a picture":               "the seller's logo: it is neither PNG nor SVG",
		svgOf(box, "<g>"):             "the seller's logo",
		svgOf("0 0 1e308 1e-308", ""): "its size is missing or out of bounds; give the SVG a viewBox",
		svgOf("0 0 0 0", ""):          "its size is missing or out of bounds",
		svgOf(box, `<g id="a"><use x:href="#a"/></g>`): "the seller's logo has <use>, which the built-in renderer does not " +
			"draw; save it as plain SVG",
		svgOf(box, `<text x="5">globex</text>`):                          "has <text>",
		svgOf(box, `<style>.a{fill:red}</style>`):                        "has <style>",
		svgOf(box, `<image href="file:///etc/passwd"/>`):                 "has <image>",
		svgOf(box, `<x:use href="#a"/>`):                                 "has <use>",
		svgOf(box, `<set/>`):                                             "has <set>",
		svgOf(box, `<path clip-path="url(#a)" d=""/>`):                   "has clip-path",
		svgOf(box, `<path style="mask:url(#a)"/>`):                       "has mask",
		svgOf(box, strings.Repeat("<g>", 40)+strings.Repeat("</g>", 40)): "40 in each other",
		svgOf(box, strings.Repeat("<g/>", svgElements)):                  "more than 2000 elements",
		strings.Repeat("<svg", 100_000):                                  "an SVG may have at most 200 KB",
		"\x89PNG\r\n\x1a\nrest":                                          "the seller's logo: ",
		string(pngOf(t, 3000, 400)):                                      "it has 3000 × 400 pixels",
	} {
		err := CheckLogo([]byte(file))
		require.Error(t, err, "%.100q", file)
		if want != "40 in each other" {
			require.ErrorContains(t, err, want)
		}
		in := samples(t)["credit-note-en"]
		in.Logo = []byte(file)
		_, again := printer(t, Options{}).PDF(context.Background(), in)
		require.EqualError(t, again, err.Error(), "a document says it too")
	}
}

func TestLogosAreFittedIntoTheirPlace(t *testing.T) {
	for _, file := range []string{
		sampleLogo, string(pngOf(t, 400, 100)),
		svgOf("0 0 1000 10", `<title>Globex</title><metadata><x:RDF/></metadata><path d="M0 0" style="fill:#f00;opacity:.5"/>`),
		svgOf("0 0 10 1000", `<defs><linearGradient id="g"><stop offset="0" stop-color="#f00"/></linearGradient></defs>`+
			`<rect width="4" height="2" fill="url(#g)"/>`),
	} {
		require.NoError(t, CheckLogo([]byte(file)), "%.200s", file)
		v, err := logoOf([]byte(file))
		require.NoError(t, err)
		require.LessOrEqual(t, v.Width, logoWidth+0.01)
		require.LessOrEqual(t, v.Height, logoHeight+0.01)
		require.True(t, v.Width > logoWidth-0.01 || v.Height > logoHeight-0.01)
	}
	require.NoError(t, CheckLogo(nil), "a seller without a logo has its name")
}
