package installation

import (
	"time"

	"github.com/prometheus/procfs"
)

// Usage holds the resources that a process used.
type Usage struct {
	CPU      time.Duration // user and system time of all threads
	Resident int64         // bytes of memory
	Peak     int64         // peak resident memory so far, in bytes
}

// UsageOf reads the usage of a process from the kernel.
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
