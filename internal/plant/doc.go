// Package plant stands up a whole installation for tests and measurements: engines, an SFTP server, the demo's project
// with the registry of generated SIMs, and processes of the roles, each of which can be measured, killed and started
// again.
//
// It owns what an installation is made of. It does not own what is done to it (internal/crash disturbs one,
// internal/load measures one), the engines themselves (internal/testengine, internal/embedded), or the files that
// flow (internal/generate).
//
// Start at Build.
package plant
