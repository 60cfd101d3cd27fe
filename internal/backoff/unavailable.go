package backoff

import "errors"

// The engines that may be away, by their names in readiness and metrics.
const (
	ControlStore = "control store"
	Kafka        = "kafka"
	ClickHouse   = "clickhouse"
)

// UnavailableError means that an engine did not answer, or cannot do this now; try again later. The requested
// operation may or may not have happened, so every operation must be repeatable.
type UnavailableError struct {
	Engine string
	Says   string // for people
	Err    error
}

func (e *UnavailableError) Error() string { return e.Says }
func (e *UnavailableError) Unwrap() error { return e.Err }

// Unavailable reports whether an engine is away, so that trying again makes sense.
func Unavailable(err error) bool { return From(err) != "" }

// From returns the unavailable engine that an error names, empty if it is another error.
func From(err error) string {
	var e *UnavailableError
	if errors.As(err, &e) {
		return e.Engine
	}
	return ""
}
