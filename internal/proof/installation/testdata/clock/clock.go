// The clock of a process under test: by the variable RATEMILL_CLOCK a driver names a file with the seconds by which the clock is
// ahead, and may change it at any time. Only the wall clock jumps, as when somebody sets the clock of a machine; the monotonic clock,
// by which Go measures durations, goes on.
//
// This file is no part of ratemill: tests add it to their own binary.
package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// ahead is added to the wall clock, in seconds.
var ahead int64

// vdso is the kernel's function that answers what time it is.
var vdso uintptr

// replace makes all of Go ask for the time here, if there is a vDSO.
func replace()

func init() {
	path := os.Getenv("RATEMILL_CLOCK")
	if path == "" {
		return
	}
	if replace(); vdso == 0 {
		panic("this machine has no vDSO, so the clock cannot be set")
	}
	follow(path)
	go func() {
		for {
			time.Sleep(50 * time.Millisecond)
			follow(path)
		}
	}()
}

// follow sets the clock to what the driver wrote, and says so by comparing it with the kernel's.
func follow(path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	seconds, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		panic(err)
	}
	if atomic.SwapInt64(&ahead, seconds) == seconds {
		return
	}
	var kernel syscall.Timespec
	if _, _, failed := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, 0, uintptr(unsafe.Pointer(&kernel)), 0); failed != 0 {
		panic(failed)
	}
	by := time.Now().Round(0).Sub(time.Unix(kernel.Unix()))
	fmt.Fprintf(os.Stderr, "the clock is ahead by %v\n", by.Round(time.Second))
}
