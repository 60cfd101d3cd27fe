//go:build !mutants

package steps

// On says that a step is taken: always, but in simulations of what would happen without it.
func On(Step) bool { return true }
