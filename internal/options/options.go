// Package options collects all mistakes in the options of a type, so that one error reports all of them.
//
// It owns the form of that error. The types own their rules.
package options

import "errors"

// Check is a check of options.
type Check struct {
	begin string
	wrong []error
}

// Of begins a check. The sentence for each mistake begins with begin: "rating: an owner needs ".
func Of(begin string) *Check { return &Check{begin: begin} }

// Need adds a mistake unless its condition is met.
func (c *Check) Need(met bool, what string) {
	if !met {
		c.wrong = append(c.wrong, errors.New(c.begin+what))
	}
}

// Err joins all mistakes, one per line; nil if there are none.
func (c *Check) Err() error { return errors.Join(c.wrong...) }
