// Package chart draws measurements as SVG: lines over an axis, and stacked bars.
//
// It owns the look of a picture. The content and the source of the numbers belong to its callers.
package chart

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/template"

	"github.com/dustin/go-humanize"
)

// Lines is a picture of series over an axis.
type Lines struct {
	Title, X, Y string
	LogX, LogY  bool
	Series      []Series
}

// Series is a line.
type Series struct {
	Name   string
	Points []Point
}

// Point is a measurement.
type Point struct{ X, Y float64 }

// Bars is a picture of one bar a row, each of parts in the order of the legend.
type Bars struct {
	Title, Unit string
	Legend      []string
	Rows        []Row
}

// Row is a bar.
type Row struct {
	Name  string
	Parts []float64
}

const (
	width  = 860
	left   = 90.0
	right  = 190.0 // position of the legend
	top    = 46.0
	bottom = 52.0
	high   = 400
	inner  = width - left - right
)

var colours = []string{"#2563eb", "#dc2626", "#059669", "#d97706", "#7c3aed", "#0891b2", "#be185d", "#4b5563"}

// axis maps values to positions.
type axis struct {
	low, high float64
	log       bool
	from, to  float64 // places
}

func (a axis) at(v float64) float64 {
	low, high := a.low, a.high
	if a.log {
		v, low, high = math.Log10(v), math.Log10(low), math.Log10(high)
	}
	if high == low {
		return a.from
	}
	return a.from + (v-low)/(high-low)*(a.to-a.from)
}

// ticks are round values along the axis.
func (a axis) ticks() (all []float64) {
	if a.log {
		for v := math.Pow(10, math.Floor(math.Log10(a.low))); v <= a.high*1.0001; v *= 10 {
			if v >= a.low*0.9999 {
				all = append(all, v)
			}
		}
		return all
	}
	step := math.Pow(10, math.Floor(math.Log10((a.high-a.low)/4)))
	for _, times := range []float64{1, 2, 5, 10} {
		if (a.high-a.low)/(step*times) <= 6 {
			step *= times
			break
		}
	}
	for v := math.Ceil(a.low/step) * step; v <= a.high+step/1000; v += step {
		all = append(all, v)
	}
	return all
}

// span is an axis that has room for all values: from 0, or from the decade below the smallest.
func span(values []float64, log bool, from, to float64) axis {
	a := axis{log: log, from: from, to: to}
	if log {
		a.low, a.high = math.Inf(1), 0
		for _, v := range values {
			a.low, a.high = min(a.low, v), max(a.high, v)
		}
		a.low, a.high = math.Pow(10, math.Floor(math.Log10(a.low)+1e-9)), math.Pow(10, math.Ceil(math.Log10(a.high)-1e-9))
		if a.low == a.high {
			a.high *= 10
		}
		return a
	}
	for _, v := range values {
		a.high = max(a.high, v)
	}
	if a.high *= 1.05; a.high == 0 {
		a.high = 1
	}
	return a
}

func number(v float64) string {
	switch {
	case v >= 1e6 && math.Mod(v, 1e5) == 0:
		return humanize.Ftoa(v/1e6) + " M"
	case v >= 1000:
		return humanize.Comma(int64(math.Round(v)))
	}
	return humanize.FtoaWithDigits(v, 3)
}

// drawing is the input of the template.
type drawing struct {
	Width, Height int
	Title         string
	XTitle        string
	YTitle        string
	Grid          []line
	Paths         []path
	Dots          []dot
	Boxes         []box
	Words         []word
}

type line struct{ X1, Y1, X2, Y2 float64 }

type path struct{ Colour, D string }

type dot struct {
	X, Y   float64
	Colour string
}

type box struct {
	X, Y, W, H float64
	Colour     string
}

type word struct {
	X, Y   float64
	Anchor string
	Text   string
}

// WriteSVG draws the lines.
func (c *Lines) WriteSVG(w io.Writer) error {
	d := drawing{Width: width, Height: high, Title: c.Title, XTitle: c.X, YTitle: c.Y}
	var xs, ys []float64
	for _, s := range c.Series {
		for _, p := range s.Points {
			xs, ys = append(xs, p.X), append(ys, p.Y)
		}
	}
	if len(xs) == 0 {
		return fmt.Errorf("chart %q has no points", c.Title)
	}
	x, y := span(xs, c.LogX, left, left+inner), span(ys, c.LogY, high-bottom, top)
	for _, v := range x.ticks() {
		d.Grid = append(d.Grid, line{x.at(v), top, x.at(v), high - bottom})
		d.Words = append(d.Words, word{x.at(v), high - bottom + 16, "middle", number(v)})
	}
	for _, v := range y.ticks() {
		d.Grid = append(d.Grid, line{left, y.at(v), left + inner, y.at(v)})
		d.Words = append(d.Words, word{left - 8, y.at(v) + 4, "end", number(v)})
	}
	for i, s := range c.Series {
		colour := colours[i%len(colours)]
		var p strings.Builder
		for j, point := range s.Points {
			verb := "L"
			if j == 0 {
				verb = "M"
			}
			fmt.Fprintf(&p, "%s%.1f %.1f", verb, x.at(point.X), y.at(point.Y))
			if len(s.Points) <= 20 {
				d.Dots = append(d.Dots, dot{x.at(point.X), y.at(point.Y), colour})
			}
		}
		d.Paths = append(d.Paths, path{colour, p.String()})
		d.legend(i, s.Name)
	}
	return picture.Execute(w, d)
}

// WriteSVG draws the bars.
func (c *Bars) WriteSVG(w io.Writer) error {
	const bar, gap, names = 26.0, 14.0, 150.0
	d := drawing{Width: width, Height: int(top + bottom + float64(len(c.Rows))*(bar+gap)), Title: c.Title, XTitle: c.Unit}
	var sums []float64
	for _, r := range c.Rows {
		sum := 0.0
		for _, p := range r.Parts {
			sum += p
		}
		sums = append(sums, sum)
	}
	foot := float64(d.Height) - bottom
	x := span(sums, false, names, left+inner)
	for _, v := range x.ticks() {
		d.Grid = append(d.Grid, line{x.at(v), top, x.at(v), foot})
		d.Words = append(d.Words, word{x.at(v), foot + 16, "middle", number(v)})
	}
	for i, r := range c.Rows {
		y, sum := top+gap/2+float64(i)*(bar+gap), 0.0
		d.Words = append(d.Words, word{names - 8, y + bar/2 + 4, "end", r.Name})
		for j, p := range r.Parts {
			d.Boxes = append(d.Boxes, box{x.at(sum), y, x.at(sum+p) - x.at(sum), bar, colours[j%len(colours)]})
			sum += p
		}
		d.Words = append(d.Words, word{x.at(sum) + 6, y + bar/2 + 4, "start", number(math.Round(sum*100) / 100)})
	}
	for i, name := range c.Legend {
		d.legend(i, name)
	}
	return picture.Execute(w, d)
}

func (d *drawing) legend(i int, name string) {
	y := top + 10 + float64(i)*20
	d.Boxes = append(d.Boxes, box{left + inner + 18, y - 9, 12, 12, colours[i%len(colours)]})
	d.Words = append(d.Words, word{left + inner + 36, y + 2, "start", name})
}

var picture = template.Must(template.New("svg").Funcs(template.FuncMap{"text": template.HTMLEscapeString, "half": func(n int) int { return n / 2 }}).Parse(
	`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {{.Width}} {{.Height}}" width="{{.Width}}" height="{{.Height}}" font-family="system-ui, sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#ffffff"/>
<text x="16" y="24" font-size="15" font-weight="600" fill="#111827">{{text .Title}}</text>
<g stroke="#e5e7eb">
{{range .Grid}}<line x1="{{printf "%.1f" .X1}}" y1="{{printf "%.1f" .Y1}}" x2="{{printf "%.1f" .X2}}" y2="{{printf "%.1f" .Y2}}"/>
{{end}}</g>
{{range .Boxes}}<rect x="{{printf "%.1f" .X}}" y="{{printf "%.1f" .Y}}" width="{{printf "%.1f" .W}}" height="{{printf "%.1f" .H}}" fill="{{.Colour}}"/>
{{end}}{{range .Paths}}<path d="{{.D}}" fill="none" stroke="{{.Colour}}" stroke-width="1.8"/>
{{end}}{{range .Dots}}<circle cx="{{printf "%.1f" .X}}" cy="{{printf "%.1f" .Y}}" r="3" fill="{{.Colour}}"/>
{{end}}<g fill="#374151">
{{range .Words}}<text x="{{printf "%.1f" .X}}" y="{{printf "%.1f" .Y}}" text-anchor="{{.Anchor}}">{{text .Text}}</text>
{{end}}<text x="{{half .Width}}" y="{{.Height}}" dy="-10" text-anchor="middle">{{text .XTitle}}</text>
{{if .YTitle}}<text transform="translate(20 {{half .Height}}) rotate(-90)" text-anchor="middle">{{text .YTitle}}</text>
{{end}}</g>
</svg>
`))
