// Package installation sets up a whole installation for tests and measurements: engines, an SFTP server, the demo's
// project with the registry of generated SIMs, and processes of the roles. Each process can be measured, killed and
// restarted, and can have a wrong clock.
//
// It owns the parts of an installation. It does not own its uses (internal/proof/crash disturbs an installation,
// internal/proof/load measures one), the engines themselves (internal/proof/testengine, internal/embedded), or the
// files that flow (internal/demo/generate).
//
// Start at Build.
package installation
