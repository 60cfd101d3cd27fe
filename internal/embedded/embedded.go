// Package embedded holds the engines included in ratemill, so that it runs without other installations: Kafka
// (internal/embedded/kafka) and ClickHouse (internal/embedded/clickhouse). They use the real protocols on loopback;
// other packages cannot distinguish an embedded engine from a cluster elsewhere.
//
// Engines may run in child processes of the same binary (internal/embedded/child). For that, main and every TestMain of
// a package that starts one call RunIfChild first.
package embedded

import (
	"fmt"
	"os"

	"ratemill/internal/embedded/child"
	"ratemill/internal/embedded/clickhouse"
	"ratemill/internal/embedded/kafka"
)

// RunIfChild runs the engine, and does not return, if this process was started for one; otherwise it does nothing. Call
// it before anything else.
func RunIfChild() {
	switch engine := child.Engine(); engine {
	case "":
	case clickhouse.Engine:
		clickhouse.Main()
	case kafka.Engine:
		kafka.Main()
	default:
		fmt.Fprintf(os.Stderr, "this program has no engine %q\n", engine)
		os.Exit(2)
	}
}
