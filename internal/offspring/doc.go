// Package offspring starts processes that do not outlive this one, however it ends.
//
// It owns how the kernel is told so. What a process is, what it says and how it is asked to end is the business of
// whoever starts it.
package offspring
