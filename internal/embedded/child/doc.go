// Package child runs an engine in a child process of the same binary, so that an engine which dies, hangs or takes
// over signals cannot do so to ratemill, and so that a test can kill -9 it.
//
// It owns the life of that process: starting it, waiting until it is ready, asking it to stop, and making sure that
// it never outlives its parent. What the engine is, and what it speaks, is the business of the engine's package.
//
// The parent calls Start; in the child, Run answers. A child is told from a normal start by an environment variable,
// so the same works for the ratemill binary and for every test binary that calls embedded.RunIfChild in TestMain.
package child
