package life

import "ratemill/registry"

// Value returns the stay as the value of a state fact.
func (s *Stay) Value() registry.StateValue { return s.value() }
