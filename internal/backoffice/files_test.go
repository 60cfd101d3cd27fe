package backoffice

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ratemill/internal/control"
	"ratemill/internal/warehouse"
	"ratemill/udr"
)

// declaredStates are the constants of type FileState in the ledger's code.
func declaredStates(t *testing.T) (states []control.FileState) {
	code, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "control", "ledger.go"), nil, 0)
	require.NoError(t, err)
	ast.Inspect(code, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok {
			if name, ok := v.Type.(*ast.Ident); ok && name.Name == "FileState" {
				text, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
				require.NoError(t, err)
				states = append(states, control.FileState(text))
			}
		}
		return true
	})
	return states
}

// inEveryState is a store with a file in each state of the ledger, brought there as mediation and people do.
func inEveryState(t *testing.T) (*control.Store, time.Time) {
	store, err := control.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "control.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	ctx, now := t.Context(), time.Now()
	sees := func(name string) control.Lease {
		_, err := store.Sight(ctx, "sky", []control.Sighting{{Path: name, Size: 1, MTime: now}}, now)
		require.NoError(t, err)
		if name == "seen.csv" || name == "gone.csv" || name == "unwanted.csv" {
			return control.Lease{}
		}
		lease, found, err := store.LeaseNext(ctx, []control.Queue{{Source: "sky", Parallel: true}}, "a mediator", now, time.Minute)
		require.NoError(t, err)
		require.True(t, found)
		return lease
	}
	identified := func(name, content string) control.Lease {
		lease := sees(name)
		id := [16]byte{}
		copy(id[:], name)
		_, err := store.SetIdentity(ctx, lease, id, []byte(content), 1, now)
		require.NoError(t, err)
		return lease
	}
	pinned := func(name string) control.Lease {
		lease := identified(name, name)
		_, err := store.Pin(ctx, lease, control.Pins{Rules: "r", Catalogue: "c", Partitions: 1}, now)
		require.NoError(t, err)
		return lease
	}
	require.NoError(t, store.Finish(ctx, pinned("done.csv"), control.Progress{Expected: -1}, now))
	identified("again.csv", "done.csv")
	require.NoError(t, store.Fail(ctx, pinned("failed.csv"), "line 7: a quote is not closed", time.Time{}, now))
	pinned("reading.csv")
	sees("spooling.csv")
	sees("unwanted.csv")
	files, err := store.Files(ctx, control.FileFilter{Path: "unwanted"})
	require.NoError(t, err)
	require.NoError(t, store.DropFile(ctx, files[0].Number, "ada", "a test", now))
	sees("gone.csv")
	_, err = store.MarkVanished(ctx, "sky", now.Add(time.Second), now)
	require.NoError(t, err)
	sees("seen.csv")
	require.NoError(t, store.Listed(ctx, "sky", []control.Arriving{{Source: "sky", Sighting: control.Sighting{Path: "new.csv", Size: 1,
		MTime: now}, Since: now, WaitsFor: "it waits for its marker file, new.csv.done"}},
		[]control.Refusal{{Path: `a\\b.csv`, Why: "its name contains a backslash"}}, now))
	return store, now
}

// Whatever state a file is in, a person sees it in `ratemill files` with the reason and the next step. A state that is new
// in the ledger fails here until it has both.
func TestEveryStateOfAFileIsToldWithItsReasonAndTheNextStep(t *testing.T) {
	store, now := inEveryState(t)
	declared := declaredStates(t)
	require.ElementsMatch(t, declared, control.FileStates)
	office, err := New(Options{Store: store})
	require.NoError(t, err)
	files, err := store.Files(t.Context(), control.FileFilter{})
	require.NoError(t, err)
	waiting, err := office.arriving(t.Context(), FileFilter{})
	require.NoError(t, err)
	files = append(files, waiting...)
	found := map[FileState]bool{}
	for _, known := range []map[string]bool{{"sky": true}, {"other": true}, nil} {
		in := &surroundings{now: now, sources: known}
		for i := range files {
			f := in.file(&files[i])
			found[f.State] = true
			require.NotEmpty(t, f.Why, f.State)
			require.NotEmpty(t, f.Next, f.State)
			if files[i].Open && f.State != Arriving && known["other"] {
				require.Contains(t, f.Next, "the project has no source sky", f.State)
			}
			text, err := json.Marshal(&f)
			require.NoError(t, err)
			var row map[string]any
			require.NoError(t, json.Unmarshal(text, &row))
			require.NotEmpty(t, row["why"], "%s", text)
			require.NotEmpty(t, row["next"], "%s", text)
			require.EqualValues(t, f.State, row["state"])
		}
	}
	for _, state := range append(declared, Arriving) {
		require.True(t, found[state], "no file is in state %s", state)
		require.Contains(t, FileStates, state)
	}
}

func TestADroppedFileIsNotReadUntilItIsTakenAgain(t *testing.T) {
	store, now := inEveryState(t)
	number := func(name string) int64 {
		files, err := store.Files(t.Context(), control.FileFilter{Path: name})
		require.NoError(t, err)
		return files[0].Number
	}
	var begun *control.BegunError
	require.ErrorAs(t, store.DropFile(t.Context(), number("reading"), "ada", "x", now.Add(time.Hour)), &begun)
	require.ErrorIs(t, store.DropFile(t.Context(), number("spooling"), "ada", "x", now), control.ErrConflict, "a mediator has it")
	require.ErrorIs(t, store.DropFile(t.Context(), number("done"), "ada", "x", now), control.ErrConflict)
	require.NoError(t, store.DropFile(t.Context(), number("seen"), "ada", "x", now))
	_, err := store.Sight(t.Context(), "sky", []control.Sighting{{Path: "seen.csv", Size: 1, MTime: now}}, now)
	require.NoError(t, err)
	f, err := store.File(t.Context(), number("seen"))
	require.NoError(t, err)
	require.Equal(t, control.Dropped, f.State, "though it is listed again")
	require.NoError(t, store.RetryFile(t.Context(), f.Number, now))
	f, err = store.File(t.Context(), f.Number)
	require.NoError(t, err)
	require.Equal(t, []any{control.Seen, true}, []any{f.State, f.Open})
}

func TestFilesCountsBothEnds(t *testing.T) {
	id := udr.FileID{7}
	file := &control.File{Number: 1, Source: "sky", State: control.Done, FileID: id, Progress: control.Progress{
		Read: control.Amount{Records: 9}, Suspended: control.Amount{Records: 1}, Usages: 8, Expected: -1}}
	printed := func(in *surroundings) (string, string) {
		f := in.file(file)
		text, err := json.Marshal(&f)
		require.NoError(t, err)
		return string(text), f.Remarks()
	}
	in := &surroundings{outcomes: map[udr.FileID]warehouse.Outcome{id: {Ended: true, Rated: 2, Duplicate: 1, Suspended: 6, Retried: 3,
		Dropped: 1}}}
	text, remarks := printed(in)
	require.Equal(t, "of the suspended records, 3 have been retried and 1 dropped since then", remarks)
	require.Contains(t, text, `"suspended":6,`)
	require.Regexp(t, `"dropped":1,"duplicate":1,.*"rated":2,.*"retried":3,`, text)

	text, remarks = printed(&surroundings{})
	require.Contains(t, text, `"suspended":1,`, "the warehouse is away")
	require.NotContains(t, text, `"rated"`)
	require.Empty(t, remarks)
	in.outcomes[id] = warehouse.Outcome{Rated: 2}
	text, _ = printed(in)
	require.Contains(t, text, `"suspended":1,`, "its end has not come")
	require.NotContains(t, text, `"rated"`)
}

func TestFieldsOfAFileAreInTheOrderOfTheirNames(t *testing.T) {
	var names []string
	for i := range reflect.TypeFor[File]().NumField() {
		name, _, _ := strings.Cut(reflect.TypeFor[File]().Field(i).Tag.Get("json"), ",")
		names = append(names, name)
	}
	require.IsIncreasing(t, names, "ratemill files -o json prints them so since its first version")
}
