// Package showcase runs the demo: an SFTP server with the shipped files, the embedded engines, and one process for each
// role, so that what each stage costs can be seen; then it shows what came out.
//
// It owns the demo's course and its words. The project and the files that are shown are in demo/; everything that
// processes a record is the code that production runs.
package showcase
