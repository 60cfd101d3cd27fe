package document

// Make fills in the lines, tax groups and totals of a document from sums of its items. tax returns the tax of a line.
// The document must already have its currency, Scale and Gross.
func (d *Document) Make(items *Sums, tax func(*Line) (Taxed, error)) (err error) {
	if d.Lines, err = items.Lines(d.Scale); err != nil {
		return err
	}
	for n := range d.Lines {
		l := &d.Lines[n]
		t, err := tax(l)
		if err != nil {
			return err
		}
		l.Category, l.Rate, l.Reason = t.Category, t.Rate, t.Reason
	}
	if err := d.tax(); err != nil {
		return err
	}
	d.Negative = d.Net.Sign() < 0 || d.Net.IsZero() && d.Tax.Sign() < 0
	return nil
}
