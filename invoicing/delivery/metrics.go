package delivery

import "ratemill/internal/metric"

// Metrics holds the metrics of the role delivery.
var Metrics = metric.Of("Delivery", "For the role delivery. The gauges describe the whole installation and are the same in each process.")

// The metrics.
var (
	SentTotal = Metrics.Counter("delivery_sent_total", "Deliveries of documents that were sent.", "channel")
	Waiting   = Metrics.Gauge("delivery_waiting", "Deliveries that still have to be attempted.")
	FailedNow = Metrics.Gauge("delivery_failed", "Failed deliveries that no user has ordered again or confirmed.")
	Doubtful  = Metrics.Gauge("delivery_unclear",
		"Deliveries whose attempt broke off when the receiver may already have had the document, so the receiver may have it twice.")
	Oldest = Metrics.Gauge("delivery_oldest_seconds", "Time since the first attempt of the delivery that has waited "+
		"longest. After a day, a delivery has failed.")
)
