package clickhouse

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// libchdb continues when the kernel refuses a write, where ClickHouse throws an exception (chdb,
// src/IO/WriteBufferFromFileDescriptor.cpp, nextImpl). On a full or broken disk it acknowledges blocks whose files are
// empty, and replaces parts with an empty merged part. Only its counter of failed writes shows this. An engine that
// has more in memory than on its disk ends itself before it answers. The next engine finds incomplete parts by their
// checksums, sets them aside, and uses the parts from which one was merged: ClickHouse keeps those for 8 minutes
// (old_parts_lifetime). See docs/decisions/025-a-refused-write-ends-the-embedded-clickhouse.md.

// failedWrites returns the number of writes that the kernel has refused since the engine was opened.
func failedWrites(s *session) (n int, err error) {
	err = s.query("SELECT sum(value) FROM system.events WHERE event = 'WriteBufferFromFileDescriptorWriteFailed'", "TSV",
		func(b []byte) error {
			n, err = strconv.Atoi(strings.TrimSpace(string(b)))
			return err
		})
	return n, err
}

// written checks that the kernel accepted all writes. If it refused one, written does not return.
func (e *engine) written(s *session) error {
	n, err := failedWrites(s)
	if n > 0 {
		fmt.Fprintf(os.Stderr, "ClickHouse could not write to %s: not enough space, or a broken disk (%d writes failed). "+
			"The process exits so that data that is not on the disk is not taken for stored; see `df` and the kernel's log"+
			"\n", e.data, n)
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // nothing may be written any more
		select {}
	}
	return err
}

// watchWrites checks the writes of merges, for which no caller waits.
func (e *engine) watchWrites(stop <-chan struct{}) {
	s, err := e.lib.open(e.args...)
	if err != nil {
		fmt.Fprintf(os.Stderr, "the writes of ClickHouse cannot be monitored: %v\n", err)
		os.Exit(1)
	}
	defer s.close()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			if err := e.written(s); err != nil {
				fmt.Fprintf(os.Stderr, "the writes of ClickHouse cannot be monitored: %v\n", err)
			}
		}
	}
}
