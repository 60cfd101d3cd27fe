package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"ratemill/internal/embedded"
	"ratemill/internal/golden"
	"ratemill/mediation/decode/decodetest"
)

var rewrite = flag.Bool("rewrite", false, "write what the commands print into the transcripts; read the diff")

// asRatemill makes the test's own binary the program: transcripts run it by its command line.
const asRatemill = "RATEMILL_TEST_IS_RATEMILL"

func TestMain(m *testing.M) {
	embedded.RunIfChild() // an engine does not get our variable
	if os.Getenv(asRatemill) != "" {
		if os.Getenv("FORMAT") == "octets" {
			decodetest.DeclareOctets()
		}
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestTranscripts runs what a person types, in a folder with the files of the case and a copy of the project skylink:
//
//	What it shows.
//	-- transcript --
//	$ ratemill check
//	what it prints, words and data
//	[exit 1]
//
// Lines of files within files that look like markers have a + before them.
func TestTranscripts(t *testing.T) {
	bin := program(t)
	names, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			require.NoError(t, os.CopyFS(dir, os.DirFS("../../internal/golden/testdata/skylink")))
			checkTranscript(t, name, dir, bin)
		})
	}
}

// checkTranscript runs a transcript in a folder, to which its files are added, and compares.
func checkTranscript(t *testing.T, name, dir, bin string) {
	archive, err := txtar.ParseFile(name)
	require.NoError(t, err)
	var want *txtar.File
	for i := range archive.Files {
		f := &archive.Files[i]
		if f.Name == "transcript" {
			want = f
			continue
		}
		path := filepath.Join(dir, f.Name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, bytes.ReplaceAll(f.Data, []byte("+-- "), []byte("-- ")), 0o644))
		changed := time.Date(2026, 4, 2, 0, 0, 0, 0, time.UTC) // rules compare usage with the time of its file
		require.NoError(t, os.Chtimes(path, changed, changed))
	}
	require.NotNil(t, want, "%s has no transcript", name)
	got := transcript(t, dir, bin, string(want.Data))
	if *rewrite {
		want.Data = []byte(got)
		require.NoError(t, os.WriteFile(name, txtar.Format(archive), 0o644))
		return
	}
	compare(t, name, string(want.Data), got)
}

// checkGolden compares with a file of what was printed.
func checkGolden(t *testing.T, name, got string) {
	if *rewrite {
		require.NoError(t, os.WriteFile(name, []byte(got), 0o644))
		return
	}
	want, err := os.ReadFile(name)
	require.NoError(t, err)
	compare(t, name, string(want), got)
}

func compare(t *testing.T, name, want, got string) {
	if want != got {
		var b strings.Builder
		golden.Diff(&b, want, got, [2]string{name, "as it is printed now"}, golden.DiffOptions{Context: 3})
		t.Errorf("run with -rewrite and read the diff, if the change is meant\n%s", b.String())
	}
}

// usingTheDemo is the first line of a command that uses the demo's project because no other is named. Only the
// transcript about it shows it; the others leave it out.
const usingTheDemo = "this folder has no ratemill.yaml: using the demo's project in .ratemill/demo\n"

var (
	markers  = regexp.MustCompile(`(?m)^-- .* --$`)
	versions = regexp.MustCompile(`"(rules|catalogue)":"[0-9a-f]+"`)
)

// transcript types the lines that begin with $ and gives the whole with what is printed now.
func transcript(t *testing.T, dir, bin, text string) string {
	var b bytes.Buffer
	for _, line := range strings.Split(text, "\n") {
		command, ok := strings.CutPrefix(line, "$ ")
		if !ok {
			continue
		}
		fmt.Fprintln(&b, line)
		c := exec.CommandContext(t.Context(), "sh", "-c", command)
		c.Dir = dir
		c.Env = environment(t, dir, bin)
		printed, err := c.CombinedOutput()
		printed = bytes.ReplaceAll(printed, []byte(dir), []byte("DIR"))
		printed = versions.ReplaceAll(printed, []byte(`"$1":"VERSION"`))
		printed = []byte(steady(string(printed)))
		if !strings.Contains(text, usingTheDemo) {
			printed = bytes.ReplaceAll(printed, []byte(usingTheDemo), nil)
		}
		b.Write(markers.ReplaceAll(printed, []byte("+$0")))
		if len(printed) > 0 && !bytes.HasSuffix(printed, []byte("\n")) {
			b.WriteByte('\n')
		}
		if exit := (*exec.ExitError)(nil); err != nil {
			require.ErrorAs(t, err, &exit)
			fmt.Fprintf(&b, "[exit %d]\n", exit.ExitCode())
		}
	}
	return b.String()
}
