// Package demo runs the demo: an SFTP server with the shipped files, the embedded engines, and one process for each
// role, so that the cost of each stage is visible; then it shows the results.
//
// It owns the steps of the demo and its texts. The project and its files are in demo/; all code that processes records
// is that of production.
package demo
