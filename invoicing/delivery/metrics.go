package delivery

import "ratemill/internal/metric"

// Metrics holds the metrics of the role delivery.
var Metrics = metric.Of("Delivery", "For the role delivery. The gauges describe the whole installation and are the same in each process.")

// The metrics.
var (
	SentTotal = Metrics.Counter("delivery_sent_total", "Deliveries of documents that were sent.", "channel")
	Waiting   = Metrics.Gauge("delivery_waiting", "Deliveries that are to be tried.")
	FailedNow = Metrics.Gauge("delivery_failed", "Deliveries that have failed and that nobody has ordered again or confirmed.")
	Doubtful  = Metrics.Gauge("delivery_unclear",
		"Deliveries with an attempt that broke off when the receiver may already have had the document: it may have it twice.")
	Oldest = Metrics.Gauge("delivery_oldest_seconds", "How long the delivery has been tried that waits longest. After a day it has failed.")
)
