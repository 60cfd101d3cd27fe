package account

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ratemill/decimal"
	"ratemill/udr"
)

// Credit is the debt of a payer in one currency, and the thresholds of its limit that it has passed. The debt
// includes all accounts below it that do not pay for themselves.
type Credit struct {
	Charged   decimal.D // net: all rated usage, added up from the rated log
	Billed    decimal.D // net: the rated usage on final documents, less open items of other kinds
	Documents decimal.D // gross: the unpaid part of open documents
	Passed    []Percent // thresholds that fired and have not been reset, ascending
}

// Unbilled returns the amount that is not on a document yet.
func (c *Credit) Unbilled() (decimal.D, error) { return c.Charged.Sub(c.Billed) }

// Exposure returns the amount that counts against the limit.
func (c *Credit) Exposure() (decimal.D, error) {
	unbilled, err := c.Unbilled()
	if err != nil {
		return unbilled, err
	}
	return unbilled.Add(c.Documents)
}

// Limit is a credit limit with its policy.
type Limit struct {
	Amount     decimal.D
	Currency   string
	Thresholds []CreditThreshold // ascending
}

var hundred = decimal.FromInt(100)

// Judge compares the exposure with the limit, and returns the thresholds that fire now. A threshold fires once, and
// can fire again after the exposure has fallen below it. If limit is nil, none fires and all are reset.
func (c *Credit) Judge(limit *Limit) (fired []CreditThreshold, err error) {
	if limit == nil {
		c.Passed = nil
		return nil, nil
	}
	exposure, err := c.Exposure()
	if err != nil {
		return nil, fmt.Errorf("the exposure: %w", err)
	}
	percents, err := exposure.Mul(hundred)
	if err != nil {
		return nil, fmt.Errorf("the exposure: %w", err)
	}
	var passed []Percent
	for _, t := range limit.Thresholds {
		part, err := limit.Amount.Mul(decimal.FromInt(int64(t.At)))
		if err != nil {
			return nil, fmt.Errorf("the credit limit: %w", err)
		}
		// The first charge reaches a limit of 0; without any charge, it is not reached.
		if percents.Less(part) || exposure.Sign() <= 0 {
			continue
		}
		passed = append(passed, t.At)
		if !slices.Contains(c.Passed, t.At) {
			fired = append(fired, t)
		}
	}
	c.Passed = passed
	return fired, nil
}

// Blocked returns the threshold that blocks activations now, false if there is none.
func (c *Credit) Blocked(limit *Limit) (Percent, bool) {
	if limit == nil {
		return 0, false
	}
	for _, t := range limit.Thresholds {
		if t.Does(BlockActivations) && slices.Contains(c.Passed, t.At) {
			return t.At, true
		}
	}
	return 0, false
}

// passedText returns the stored form of Passed, such as 80 90.
func passedText(passed []Percent) string {
	var words []string
	for _, p := range passed {
		words = append(words, strconv.Itoa(int(p)))
	}
	return strings.Join(words, " ")
}

func parsePassed(text string) (passed []Percent, err error) {
	for word := range strings.FieldsSeq(text) {
		n, err := strconv.Atoi(word)
		if err != nil {
			return nil, fmt.Errorf("%q is not a list of thresholds", text)
		}
		passed = append(passed, Percent(n))
	}
	return passed, nil
}

// The events about credit limits.
const (
	EventThreshold   = "credit.threshold"    // reached a threshold below 100 % of the limit
	EventLimitPassed = "credit.limit.passed" // reached a threshold of 100 % or more
)

// Alert reports that the exposure of a payer reached a threshold of its limit.
type Alert struct {
	Payer     uint32
	Currency  string
	Threshold CreditThreshold
	Exposure  decimal.D
	Limit     decimal.D
	// The record whose charge reached the threshold, with the time of the usage. A file id of zeros means that a
	// document or a change of the limit reached it.
	File   udr.FileID
	Seq    uint64
	Tier   uint8
	At     udr.Instant
	Offset int64 // offset of the record in the rated log
}

// Event returns the event's name.
func (a *Alert) Event() string {
	if a.Threshold.At >= 100 {
		return EventLimitPassed
	}
	return EventThreshold
}
