package life

import "ratemill/registry"

// Value is the stay as the value of a state fact.
func (s *Stay) Value() registry.StateValue { return s.value() }
