// Package crash runs the whole pipeline as an operator does, on real engines and with a process for each role, and
// disturbs it repeatedly. Roles are ended with kill -9 and with SIGTERM, and raters are stopped for longer than their
// session. Brokers, stores and the warehouse are taken away, connections of the SFTP server are cut, the server stalls,
// and clocks are set wrong. At the end, the warehouse must match the offline pipeline's result, record for record and
// amount for amount. During the run, unknown SIMs are imported and corrected retroactively, suspended records are
// retried, one file grows, its SIMs go through their lifecycles, the catalogue gets versions, and sources delete or
// move their files. Sources are renamed; one is removed while one of its files has been begun and another one waits.
// The control store is restored from a copy, and every role refuses it until the newer store is back. Some SIMs have
// tariffs with counters that last for hours, days, weeks, cycles and years. The states of SIMs must follow from the
// offline pipeline's events, and the facts in the warehouse must be those of the control store.
//
// Two calmer runs check what users see: one takes each engine away, the other fills each disk in turn.
//
// It owns the driver, the faults and the comparison. The simulator (internal/proof/simulation) finds errors of the
// protocol a thousand times faster, with seeds that can be replayed; this package proves that processes, sockets and
// engines behave as the simulator assumes. A seed chooses faults and victims here, but the machine chooses when they
// strike, so a run does not replay exactly.
//
// It is used only in tests. Start at Run, Outages and FullDisks; faults.go has the faults, clocks.go the clocks,
// changes.go the other changes, restored.go the older control store, renamed.go and removed.go the sources that change, growing.go
// the file that is appended to, lives.go the states of its SIMs, tariffs.go the SIMs of tariffs, compare.go the comparison.
package crash
