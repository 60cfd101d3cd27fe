// Package child runs an engine in a child process of the same binary. So an engine that dies, hangs or changes signal
// handlers does not affect ratemill, and a test can kill -9 it.
//
// It owns the life of that process: starting it, waiting until it is ready, asking it to stop, and ensuring that it
// never outlives its parent. The engine's own package owns the engine and its protocol.
//
// The parent calls Start; the child calls Run. An environment variable marks a process as a child, so the same
// mechanism works for the ratemill binary and for every test binary that calls embedded.RunIfChild in TestMain.
package child
