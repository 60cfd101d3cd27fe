package rater

import "ratemill/internal/backoff"

// Clock is real or simulated time.
type Clock = backoff.Clock
