package registry

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // so that zones are the same on every machine
)

// zones.txt contains the names in the IANA time zone database (public domain), which Go can load but not list. It is
// the list of entries in lib/time/zoneinfo.zip in Go's own source tree.
//
//go:embed zones.txt
var zonesText string

var zoneNames = sync.OnceValue(func() []string { return strings.Fields(zonesText) })

// These aliases of a zone file do not name a place: they depend on the machine, or exist for programs.
func isAlias(name string) bool {
	switch name {
	case "posixrules", "Factory", "localtime":
		return true
	}
	return strings.HasPrefix(name, "posix/") || strings.HasPrefix(name, "right/")
}

func loadZone(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, fmt.Errorf("%q names no time zone: write an IANA name such as Europe/Madrid", name)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("time zone %q is unknown: write an IANA name such as Europe/Madrid", name)
	}
	return zone, nil
}
