package collect

import (
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/pkg/sftp"
	"github.com/stretchr/testify/require"
)

// locked is an SFTP server with a directory that cannot be listed.
type locked struct{ *liar }

func (l locked) Filelist(r *sftp.Request) (sftp.ListerAt, error) {
	if r.Method == "List" {
		switch {
		case strings.HasSuffix(r.Filepath, "/locked"):
			return nil, os.ErrPermission
		case r.Filepath != "/out":
			return lies{one: []told{{"b.csv", 1, 0o644}}}, nil
		}
	}
	return l.liar.Filelist(r)
}

func TestADirectoryThatCannotBeListedHoldsUpNoOther(t *testing.T) {
	l := locked{&liar{names: []told{{"locked", 1, fs.ModeDir | 0o700}, {"open", 1, fs.ModeDir | 0o755}, {"a.csv", 1, 0o644}}}}
	yaml := l.serves(t, sftp.Handlers{FileGet: l, FileCmd: l, FileList: l})
	names := func(v Verdict) (names []string) {
		for _, e := range v.Ready {
			names = append(names, e.Path)
		}
		return names
	}
	site, clock := opened(t, "{ "+yaml+", match: '/out/**/*.csv', settled: 0s }")
	v, err := site.Look(t.Context(), clock.Now())
	require.NoError(t, err)
	require.Equal(t, []string{"/out/a.csv", "/out/open/b.csv"}, names(v))
	require.Equal(t, []string{"/out/locked"}, v.Unread)
	require.Len(t, v.Refused, 1)
	require.Equal(t, "/out/locked/", v.Refused[0].Path)
	require.Contains(t, v.Refused[0].Reason, "permission denied")
	require.Contains(t, v.Refused[0].Reason, "collect.exclude")

	site, clock = opened(t, "{ "+yaml+", match: '/out/**/*.csv', exclude: [/out/locked, '/out/**/b.*'], settled: 0s }")
	v, err = site.Look(t.Context(), clock.Now())
	require.NoError(t, err)
	require.Equal(t, []string{"/out/a.csv"}, names(v))
	require.Empty(t, v.Unread)
	require.Empty(t, v.Refused)
}

func TestANameInAnotherEncodingIsGivenBackToTheServer(t *testing.T) {
	for _, name := range []string{"a.csv", "caf\xe9.csv", "\xff\xfe", "日本\x80語.csv"} {
		require.Equal(t, name, raw(text(name)))
	}
	require.Equal(t, `caf\xE9.csv`, text("caf\xe9.csv"))
}
