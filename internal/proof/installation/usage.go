package installation

import (
	"time"

	"github.com/prometheus/procfs"
)

// Usage is the resources of a process.
type Usage struct {
	CPU      time.Duration // user and system, of all threads
	Resident int64         // bytes of memory
	Peak     int64         // most bytes so far
}

// UsageOf asks the kernel.
func UsageOf(pid int) (u Usage, err error) {
	p, err := procfs.NewProc(pid)
	if err != nil {
		return u, err
	}
	stat, err := p.Stat()
	if err != nil {
		return u, err
	}
	status, err := p.NewStatus()
	if err != nil {
		return u, err
	}
	return Usage{CPU: time.Duration(stat.CPUTime() * float64(time.Second)), Resident: int64(status.VmRSS), Peak: int64(status.VmHWM)}, nil
}
