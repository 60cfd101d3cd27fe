package ledger

import "ratemill/internal/patience"

// Clock is time for those who wait: the real one, or a simulated one.
type Clock = patience.Clock
