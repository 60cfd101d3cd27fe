package rules

import "ratemill/internal/diag"

// Format writes a document of rules in the one way of `ratemill fmt`; see diag.Format.
func Format(src []byte) ([]byte, error) { return diag.Format("document", src) }
