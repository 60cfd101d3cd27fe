package decode

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"ratemill/internal/proof/seeds"
	"ratemill/rules/record"
)

// told is everything that a decoder reports of records, and of the end.
func told(d Decoder, layout *record.Layout) (lines []string) {
	var rec record.Record
	for {
		err := d.Next(&rec)
		bad := (*RecordError)(nil)
		if err != nil && !errors.As(err, &bad) {
			return append(lines, fmt.Sprintf("%v framing %d expected %d preamble %q", err, d.Framing(), d.Expected(), d.Preamble()))
		}
		line := fmt.Sprintf("%d line %d at %d: %d of %q, %v, preamble %q", rec.Seq, rec.Line, rec.Offset, d.Span(), rec.Raw, err,
			d.Preamble())
		if err == nil {
			for i := range layout.Paths() {
				line += fmt.Sprintf(" %v %q", rec.Fields[i].Kind, rec.Fields[i].Text)
			}
		}
		lines = append(lines, line)
	}
}

// A content is cut at any place. If the decoder of the first piece has a state, continuing from it reports the same of
// the rest as decoding the whole content.
func TestGoingOnFromAStateTellsWhatDecodingTheWholeTells(t *testing.T) {
	layout := &record.Layout{}
	for _, name := range []string{"a", "b"} {
		layout.Slot(name)
	}
	options := map[string]*Options{
		"header":    {Chosen: Of(&CSV{Header: true, Skip: 1, SkipAfter: 1, Comment: "#", Optional: []string{"b"}})},
		"columns":   {Chosen: Of(&CSV{Named: Columns{Names: []string{"a", "_", "b"}}, Width: "any"}), Limits: Limits{Record: 40}},
		"position":  {Chosen: Of(&CSV{Named: Columns{Positions: map[string]int{"a": 1, "b": 3}}, Quotes: "lenient", Trim: true})},
		"multiline": {Chosen: Of(&CSV{Header: true, Multiline: true}), Limits: Limits{Lines: 3}},
		"begins":    {Chosen: Of(&CSV{Header: true, Multiline: true, Begins: "^x", Escape: "backslash"})},
		"utf-16":    {Chosen: Of(&CSV{Header: true}), Encoding: "utf-16be"},
		"windows":   {Chosen: Of(&CSV{Header: true}), Encoding: "windows-1252"},
		"trailer":   {Chosen: Of(&CSV{Header: true}), Trailer: &Trailer{First: "T", Mismatch: "alarm"}},
		"fixed": {Chosen: Of(&Fixed{Places: []Place{{Name: "a", From: 1, Width: 2}, {Name: "b", From: 3, To: 3}}, Short: "allow",
			Long: "allow", Skip: 1})},
		"json":    {Chosen: Of(&JSON{Framing: "lines"}), Limits: Limits{Record: 60}},
		"objects": {Chosen: Of(&JSON{Framing: "objects"})},
	}
	pieces := []string{"x", "é", "🙂", ",", ",", `"`, `"`, "\n", "\n", "\r\n", "\n", " ", "#", "\\", "\x1a", "T,1", "xy,1,2\n",
		"\"x\",1,\"2\"\n", `{"a":"1","b":2}` + "\n", "{", "}", strings.Repeat("long", 12), "\n\n"}
	resumed := map[string]int{}
	for seed := range seeds.Each(t, 400, 200) {
		rng := rand.New(rand.NewPCG(seed, 7))
		for name, o := range options {
			var text strings.Builder
			text.WriteString("a,b,c\na,b,c\na,b,c\nxy,1,2\n") // settles the line ends
			for range rng.IntN(60) {
				text.WriteString(pieces[rng.IntN(len(pieces))])
			}
			whole := text.String()
			if strings.HasPrefix(o.Encoding, "utf-16") {
				var wide []byte
				for _, r := range whole {
					if r > 0xffff {
						r = 'z'
					}
					wide = append(wide, byte(r>>8), byte(r))
				}
				whole = string(wide)
			}
			at := rng.IntN(len(whole) + 1)
			if i := strings.IndexByte(whole[at:], '\n'); i >= 0 && rng.IntN(3) > 0 {
				at += i + 1
			}
			first, err := o.Open(strings.NewReader(whole[:at]), layout)
			if err != nil {
				continue
			}
			begun := told(first, layout)
			state := first.State()
			if state == nil {
				continue
			}
			require.EqualValues(t, at, state.Offset)
			all, err := o.Open(strings.NewReader(whole), layout)
			if err != nil {
				continue // as a whole it looks binary, by the control characters that came after the cut
			}
			want := told(all, layout)
			require.True(t, o.Resumable(state), name)
			rest, err := o.Resume(state, iotest.OneByteReader(strings.NewReader(whole[at:])), layout)
			require.NoError(t, err, "%s: the decoder has a state, so its Reader needs the method resume, as resumer declares it", name)
			got := told(rest, layout)
			require.Equal(t, want, append(begun[:len(begun)-1], got...), "%s, seed %d, cut at %d of %q", name, seed, at, whole)
			require.Equal(t, all.State(), rest.State(), "%s, seed %d, cut at %d of %q", name, seed, at, whole)
			resumed[name]++
		}
	}
	tested := map[string]bool{}
	for name, o := range options {
		tested[o.format().Name] = true
		if name == "trailer" || name == "objects" {
			require.Zero(t, resumed[name], name)
			continue
		}
		require.Greater(t, resumed[name], 10, "%s: its decoder seldom has a state", name)
	}
	for _, f := range Formats() {
		require.True(t, f.Octets || tested[f.Name], "the format %s is missing in the options of this test", f.Name)
	}
}

// A state that another program left is not used, and never ends a file: the file is decoded from its beginning.
func TestAStateFromWhichThisProgramCannotGoOnIsNotResumable(t *testing.T) {
	layout := &record.Layout{}
	good := State{Version: stateVersion, Encoding: "utf-8", Newline: '\n', Offset: 4, Line: 2, Records: 1}
	later, unknown := good, good
	later.Version, unknown.Encoding = stateVersion+1, "ebcdic"
	for name, c := range map[string]struct {
		o    *Options
		s    State
		want bool
	}{
		"as this program leaves them": {&Options{Chosen: Of(&JSON{Framing: "lines"})}, good, true},
		"of a later version":          {&Options{Chosen: Of(&JSON{Framing: "lines"})}, later, false},
		"in an unknown encoding":      {&Options{Chosen: Of(&JSON{Framing: "lines"})}, unknown, false},
		"with a trailer":              {&Options{Chosen: Of(&JSON{Framing: "lines"}), Trailer: &Trailer{}}, good, false},
		"of a format without resume":  {&Options{Chosen: Chosen{Reader: unresumable{&JSON{Framing: "lines"}}}}, good, false},
	} {
		require.Equal(t, c.want, c.o.Resumable(&c.s), name)
		if !c.want {
			_, err := c.o.Resume(&c.s, strings.NewReader(""), layout)
			require.ErrorContains(t, err, "cannot continue from", name)
		}
	}
}

// unresumable is a format whose decoders have states but which cannot continue from them.
type unresumable struct{ Reader }
