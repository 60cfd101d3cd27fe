package rating

// CounterName describes a counter below a billing root, such as pool fleet-3g/data.
func (c *Catalogue) CounterName(k CounterKey, root uint32) (string, bool) {
	if name, ok := c.ids[k.ID]; ok {
		return name, true
	}
	for id, name := range c.ids {
		if mixID(id, root) == k.ID {
			return name, true
		}
		for per := perDay; per <= perYear; per++ {
			if mixID(mixID(id, root), uint32(per)<<24) == k.ID {
				return name + " of a " + per.String(), true
			}
		}
	}
	return "", false
}
