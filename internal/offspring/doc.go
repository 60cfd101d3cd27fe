// Package offspring starts processes that do not outlive this one, in whatever way it ends.
//
// It owns the request to the kernel. The caller owns the process's purpose, output and graceful end.
package offspring
