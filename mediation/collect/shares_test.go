package collect

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTwoSourcesThatMayTakeOneFileAreFound(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"*.csv", "SKY_*.csv", true}, {"SKY_*", "*.csv", true}, {"sky/*.csv", "chf/*.csv", false}, {"**/*.csv", "sky/a.csv", true},
		{"a/**/b/*.csv", "a/b/x?.csv", true}, {"SKY_[0-9]*.csv", "SKY_1.csv", true}, {"*.csv", "*.csv.gz", false},
		{"/out/*", "out/x", true},
		{"*.csv", "sub/*.csv", false}, {"SKY_*.csv", "MESH_*.csv", false},
	} {
		at := func(match string) *Options { return &Options{Dir: "/in", Match: Words{match}} }
		_, _, found := at(c.a).Shares(at(c.b))
		_, _, back := at(c.b).Shares(at(c.a))
		require.Equal(t, []bool{c.want, c.want}, []bool{found, back}, "%s and %s", c.a, c.b)
	}
	one := &Options{Dir: "/in", Match: Words{"*"}}
	for name, other := range map[string]*Options{
		"another directory": {Dir: "/other", Match: Words{"*"}},
		"a server":          {SFTP: &SFTP{Host: "h"}, Match: Words{"*"}},
		"kept apart":        {Dir: "/in", Match: Words{"*"}, Exclude: Words{"x"}},
	} {
		_, _, found := one.Shares(other)
		require.False(t, found, name)
	}
}
