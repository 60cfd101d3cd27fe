package testengine

import (
	"os"
	"slices"
	"sync"
	"testing"

	"ratemill/internal/embedded"
)

// Main runs the tests of a package and ends the engines that they shared. In a child process of the test binary it
// becomes the embedded engine instead.
func Main(m *testing.M) {
	embedded.RunIfChild()
	process.begun = true
	code := m.Run()
	for _, end := range slices.Backward(process.ends) {
		end()
	}
	os.Exit(code)
}

// process owns what ends with the test process rather than with a test.
var process struct {
	begun bool
	mu    sync.Mutex
	ends  []func()
}

// scope is the owner of an engine: a test, or the process if several tests share it.
type scope struct {
	t      testing.TB
	shared bool
}

func (s scope) onEnd(end func()) {
	if !s.shared {
		s.t.Cleanup(end)
		return
	}
	AtEnd(end)
}

// AtEnd calls a function when all tests of the package have ended, for resources that several of them share.
func AtEnd(end func()) {
	process.mu.Lock()
	defer process.mu.Unlock()
	process.ends = append(process.ends, end)
}

// once starts an engine on first use.
type once[E any] struct {
	mu     sync.Mutex
	engine *E
}

func (o *once[E]) get(t testing.TB, start func(scope) *E) *E {
	t.Helper()
	if !process.begun {
		t.Fatal("a shared engine needs Main to end it: add func TestMain(m *testing.M) { testengine.Main(m) } to this package")
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.engine == nil {
		o.engine = start(scope{t: t, shared: true})
	}
	return o.engine
}
