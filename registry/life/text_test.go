package life_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"ratemill/diag"
	"ratemill/registry/life"
	"ratemill/udr"
)

// compiled compiles the documents of an archive, whatever is wrong with them.
func compiled(files []txtar.File) (*life.Book, diag.List) {
	var docs []any
	var list diag.List
	for _, f := range files {
		n, l := diag.Parse(f.Name, f.Data)
		list = append(list, l...)
		for _, kind := range life.Documents {
			if n.Member(kind.Name) != nil {
				doc := kind.New()
				d := &diag.Decoder{}
				d.Decode(n, doc)
				docs, list = append(docs, doc), append(list, d.List...)
				break
			}
		}
	}
	b, l := life.Compile(docs, classUnit)
	list = append(list, l...)
	list.Sort()
	return b, list
}

func TestAllMistakesOfATextAreToldAtOnceWithTheirPlaces(t *testing.T) {
	files, err := filepath.Glob("testdata/texts/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			require.NoError(t, err)
			last := &archive.Files[len(archive.Files)-1]
			require.Equal(t, "said", last.Name)
			docs := archive.Files[:len(archive.Files)-1]
			var settings []byte
			if n := len(docs); docs[n-1].Name == "settings.yaml" {
				settings, docs = docs[n-1].Data, docs[:n-1]
			}
			b, list := compiled(docs)
			if settings != nil {
				_, list = b.CheckSettings("settings.yaml", settings, udr.InstantOf(time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)), time.UTC)
			}
			var said strings.Builder
			diag.Print(&said, list, diag.Options{})
			if *rewrite {
				last.Data = []byte(said.String())
				require.NoError(t, os.WriteFile(file, txtar.Format(archive), 0o644))
			}
			require.Equal(t, string(last.Data), said.String(), "run with -rewrite")
		})
	}
}

func TestTheShippedModelsAreTextsWithoutMistakes(t *testing.T) {
	b, list := life.Compile(nil, nil)
	require.Empty(t, list)
	require.Equal(t, []string{"connected", "emnify", "jasper"}, b.Models())
	for _, name := range b.Models() {
		_, list := compiled([]txtar.File{{Name: name + ".yaml", Data: []byte(life.Example(name))}})
		require.Empty(t, list, name)
		formatted, err := diag.Format(name, []byte(life.Example(name)))
		require.NoError(t, err)
		require.Equal(t, life.Example(name), string(formatted))
	}
}

func TestReferencesToRulesAreReadAsTheyAreWritten(t *testing.T) {
	for _, text := range []string{
		"standard", "standard@2026-02-01", "standard@2026-02-01T00:00:00Z with_account", "standard after_billing since 2026-03-05",
		`standard@2026-02-01 kept since 2026-03-05 {"suspend":{"max":"30 d"},"test":null}`,
	} {
		r, err := life.ParseRef(text)
		require.NoError(t, err, text)
		require.Equal(t, text, r.String())
	}
	for _, text := range []string{"", "standard often", "standard since yesterday", "standard {", `{"suspend":null}`} {
		_, err := life.ParseRef(text)
		require.Error(t, err, text)
	}
}

// Whatever a text says, it is read without a panic; and a lifecycle that is accepted keeps its promises: time limits
// come to an end, and lead to states that the model has.
func FuzzTexts(f *testing.F) {
	for _, name := range []string{"connected", "jasper", "emnify"} {
		f.Add(life.Example(name), "lifecycle: x\nstates: "+name+"\ndefault: inventory\n")
	}
	f.Add("", "lifecycle: x\nstates: connected\ndefault: in_testing\ntest: { quota: { data: 1 kB }, time: 1 d, next: suspended }\n"+
		"first_use: { threshold: { sms_mo: 1 }, after: 9 d, window: 3 d, to: in_billing }\nsuspend: { max: 2 d, then: in_billing }\n")
	f.Fuzz(func(t *testing.T, model, cycle string) {
		files := []txtar.File{{Name: "model.yaml", Data: []byte(model)}, {Name: "cycle.yaml", Data: []byte(cycle)}}
		b, list := compiled(files)
		if list.HasErrors() {
			return
		}
		for _, name := range b.Lifecycles() {
			ref, err := b.Rules(life.Settings{Lifecycle: name}, 1<<60, time.UTC)
			if err != nil {
				continue
			}
			rules, err := b.Resolve(ref, 1<<60, time.UTC)
			if err != nil {
				continue
			}
			again, err := life.ParseRef(ref.String())
			require.NoError(t, err)
			require.Equal(t, ref, again)
			for _, state := range rules.Model.States {
				events := []life.Event{{At: 1 << 60, Kind: life.Assigned, State: state.Name, Rules: life.Rules{Ref: ref, Lifecycle: rules,
					Zone: time.UTC}}}
				stays := life.States(events, 1<<60+20*366*24*udr.Instant(time.Hour))
				require.Less(t, len(stays), 10, "time limits end")
				for _, s := range stays {
					_, ok := rules.Model.State(s.State)
					require.True(t, ok, s.State)
				}
			}
		}
	})
}
