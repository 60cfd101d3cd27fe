// Package sftp is a small SFTP server on loopback that serves one directory: the carriers' server of `ratemill demo` and
// of tests. It makes itself a host key, which stays the same in one state folder.
//
// It owns no protocol (pkg/sftp, golang.org/x/crypto/ssh) and nothing of how files are collected (mediation/collect).
// What clients name stays inside the directory, whatever they name.
package sftp
