package backoff

import "errors"

// The names in readiness and metrics of the engines that may be unreachable.
const (
	ControlStore = "control store"
	Kafka        = "kafka"
	ClickHouse   = "clickhouse"
)

// UnavailableError reports that an engine did not answer, or cannot do this now; try again later. The requested
// operation may or may not have happened, so every operation must be repeatable.
type UnavailableError struct {
	Engine string
	Says   string // for people
	Err    error
}

func (e *UnavailableError) Error() string { return e.Says }
func (e *UnavailableError) Unwrap() error { return e.Err }

// Unavailable reports whether an engine is unreachable, so that trying again makes sense.
func Unavailable(err error) bool { return From(err) != "" }

// From returns the unavailable engine that caused an error, empty if it is another error.
func From(err error) string {
	var e *UnavailableError
	if errors.As(err, &e) {
		return e.Engine
	}
	return ""
}
