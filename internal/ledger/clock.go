package ledger

import "ratemill/internal/patience"

// Clock is real or simulated time.
type Clock = patience.Clock
