// Package progress shows the progress of long work on a terminal: a bar for each counted quantity, and a text beside
// it.
//
// It owns the look of the bars. Whether the output is a terminal, and the words, belong to its callers.
package progress

import (
	"io"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"ratemill/printable"
)

// Bars is a group of bars, one below the other. A nil *Bars shows nothing.
type Bars struct {
	on     *mpb.Progress
	bars   []*mpb.Bar
	vanish bool
	begin  *time.Timer
}

// Lasting returns bars that remain on the terminal.
func Lasting(terminal io.Writer) *Bars {
	return &Bars{on: mpb.New(mpb.WithOutput(terminal), mpb.WithWidth(48))}
}

// Passing returns bars that appear when the work has taken a second, and vanish when it is done.
func Passing(terminal io.Writer) *Bars {
	long := make(chan struct{})
	return &Bars{
		on:     mpb.New(mpb.WithOutput(terminal), mpb.WithWidth(24), mpb.WithRenderDelay(long)),
		begin:  time.AfterFunc(time.Second, func() { close(long) }),
		vanish: true,
	}
}

// Bar is one bar. A nil *Bar shows nothing.
type Bar struct {
	bar   *mpb.Bar
	words atomic.Value // string
}

// Add adds a bar, preceded by its name if it has one.
func (b *Bars) Add(name string) *Bar {
	if b == nil {
		return nil
	}
	bar := &Bar{}
	bar.words.Store("")
	words := decor.Any(func(decor.Statistics) string { return "  " + bar.words.Load().(string) })
	var before mpb.BarOption
	if name != "" {
		before = mpb.PrependDecorators(decor.Name(name, decor.WC{W: 9, C: decor.DindentRight}))
	}
	style := mpb.BarStyle().Lbound("").Filler("█").Tip("█").Padding("░").Rbound("")
	bar.bar = b.on.New(0, style, before, mpb.AppendDecorators(words), mpb.BarFillerTrim()) // 0: it ends by Done, not by a count
	b.bars = append(b.bars, bar.bar)
	return bar
}

// At sets how much is done of a total, and the text beside the bar. If the total is 0, it is unknown, and
// the bar is full.
func (b *Bar) At(done, of int64, words string) {
	if b == nil {
		return
	}
	if of == 0 {
		of = done
	}
	b.words.Store(printable.Line(words))
	b.bar.SetTotal(max(done, of), false)
	b.bar.SetCurrent(done)
}

// Done ends the bars. Later output on the terminal appears below the lasting bars.
func (b *Bars) Done() {
	if b == nil {
		return
	}
	if b.begin != nil {
		b.begin.Stop()
	}
	for _, bar := range b.bars {
		bar.Abort(b.vanish)
	}
	b.on.Wait()
}
