// Package crash runs the whole pipeline as an operator does, on real engines and with a process for each role, and
// kills it again and again: roles with kill -9 and in order, raters stopped for longer than their session, brokers,
// stores and the warehouse taken away, connections of the SFTP server cut. At the end what lies in the warehouse must
// be what the offline pipeline says, record for record and amount for amount. Meanwhile SIMs are imported that were
// unknown, suspended records come back, the catalogue gets versions, and sources delete or move their files.
//
// Two calmer runs look at what people see: each engine away alone, and each disk full in turn.
//
// It owns the driver, the faults and the comparison. The simulator (internal/simulation) finds what is wrong with the
// protocol, a thousand times faster and from a seed that replays; this package proves that processes, sockets and
// engines behave as the simulator believes. A seed chooses faults and victims here, but the machine chooses when they
// strike, so a run does not replay exactly.
//
// Nothing in it is used outside tests. Start at Run, Outages and FullDisks; faults.go has what is done to whom,
// changes.go what else changes, compare.go what is found.
package crash
