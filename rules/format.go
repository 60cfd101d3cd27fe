package rules

import "ratemill/internal/diag"

// Format writes a document of rules in the one way of `ratemill fmt`; see diag.Format. name is for errors.
func Format(name string, src []byte) ([]byte, error) { return diag.Format(name, src) }
