package golden

import (
	"time"

	"ratemill/diag"
	"ratemill/internal/config"
)

// taken is the content of taken.yaml: when the files of the case were read, so that their usage can be late.
//
//	taken: 2026-09-01T00:00:00Z
//	late_until: 12 cycles
type taken struct {
	Taken     moment        `yaml:"taken,required" doc:"When the case's files were taken." example:"2026-09-01T00:00:00Z"`
	LateUntil config.Cycles `yaml:"late_until" default:"12 cycles" doc:"late_until as in ratemill.yaml, which a case does not read."`
}

// lateUntil is late_until, in cycles, for a case with steps: the default of ratemill.yaml.
const lateUntil = 12

// moment is a time in a document.
type moment struct{ time.Time }

func (c *Case) taken() (taken, error) {
	var t taken
	for _, p := range c.parts(isTaken) {
		list := diag.Decode(c.Name+": taken.yaml", p.Data, &t, nil)
		return t, list.Err()
	}
	return t, nil
}
