package account

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"ratemill/decimal"
	"ratemill/internal/store"
	"ratemill/registry"
	"ratemill/udr"
)

// AtCut holds the balances of all accounts as of one position of the rated log, while the balances in the control
// store keep changing. It keeps them in a temporary file without a name, so that a reader needs memory only for the
// accounts that it asks for. It is safe for concurrent use.
type AtCut struct {
	Offsets []int64 // of the consumer of balances, by partition; empty if it has never run
	// Partial means that the balances begin later than the rated log.
	Partial bool

	file *os.File
	rows []stretch // by account
	end  int64
}

// stretch is where the rows of an account begin in the file.
type stretch struct {
	account uint32
	at      int64
}

// accountsAtOnce is the number of accounts whose balances one statement reads: PostgreSQL ends statements after 30 s.
const accountsAtOnce = 10_000

// TakeCut reads the position of a consumer of balances and, as of this position, the balances of some accounts, sorted,
// nil for all, of cycles that begin on a date or later. Close it.
func TakeCut(ctx context.Context, db *store.DB, consumer string, from registry.Date, accounts []uint32) (c *AtCut, err error) {
	c = &AtCut{}
	if c.file, err = os.CreateTemp("", "ratemill-balances-*"); err != nil {
		return nil, fmt.Errorf("keeping the balances at a cut: %w", err)
	}
	if err = os.Remove(c.file.Name()); err == nil { // it lives until it is closed
		err = db.Snapshot(ctx, "reading balances at a cut", func(tx *store.Tx) error { return c.take(ctx, tx, consumer, from, accounts) })
	}
	if err != nil {
		return nil, errors.Join(err, c.file.Close())
	}
	return c, nil
}

// Close forgets the balances.
func (c *AtCut) Close() error { return c.file.Close() }

func (c *AtCut) take(ctx context.Context, tx *store.Tx, consumer string, from registry.Date, accounts []uint32) error {
	rows, err := tx.Rows(ctx, `SELECT partition_number, next FROM sink_positions WHERE sink = ? ORDER BY partition_number`, consumer)
	if err != nil {
		return err
	}
	err = each(rows, func() error {
		var partition int
		var next int64
		err := rows.Scan(&partition, &next)
		for err == nil && len(c.Offsets) <= partition {
			c.Offsets = append(c.Offsets, 0)
		}
		if err == nil {
			c.Offsets[partition] = next
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := tx.Row(ctx, `SELECT count(*) > 0 FROM account_beginnings WHERE rated_offset > 0`).Scan(&c.Partial); err != nil {
		return err
	}
	to := bufio.NewWriterSize(c.file, 1<<20)
	if err := c.copy(ctx, tx, to, from, accounts); err != nil {
		return err
	}
	return to.Flush()
}

// copy copies balances by portions of accounts.
func (c *AtCut) copy(ctx context.Context, tx *store.Tx, to *bufio.Writer, from registry.Date, accounts []uint32) error {
	some := func(where string, args ...any) error {
		rows, err := tx.Rows(ctx, `SELECT account_number, cycle, tier, currency, class, unit, records, quantity, amount, version
			FROM account_balances WHERE `+where+` AND cycle >= ? ORDER BY account_number, cycle`, append(args, int64(from))...)
		if err != nil {
			return err
		}
		var text []byte
		return scan(rows, func(r *Row) {
			if n := len(c.rows); n == 0 || c.rows[n-1].account != r.Account {
				c.rows = append(c.rows, stretch{r.Account, c.end})
			}
			text = r.append(text[:0])
			to.Write(text) // Flush returns its error
			c.end += int64(len(text))
		})
	}
	if accounts != nil {
		for portion := range slices.Chunk(accounts, loadAtOnce) {
			var args []any
			for _, n := range portion {
				args = append(args, n)
			}
			if err := some(`account_number IN (?`+strings.Repeat(`, ?`, len(portion)-1)+`)`, args...); err != nil {
				return err
			}
		}
		return nil
	}
	last := int64(0)
	if err := tx.Row(ctx, `SELECT COALESCE(MAX(account_number), 0) FROM account_balances`).Scan(&last); err != nil {
		return err
	}
	for n := int64(0); n <= last; n += accountsAtOnce {
		if err := some(`account_number >= ? AND account_number < ?`, n, n+accountsAtOnce); err != nil {
			return err
		}
	}
	return nil
}

// Of hands over the balances of accounts, account by account and in the order of cycles. It does not add up
// partitions.
func (c *AtCut) Of(accounts []uint32, each func(*Row) error) error {
	texts := map[string]string{} // few are different
	for _, account := range accounts {
		n, there := slices.BinarySearchFunc(c.rows, account, func(s stretch, account uint32) int { return cmp.Compare(s.account, account) })
		if !there {
			continue
		}
		end := c.end
		if n+1 < len(c.rows) {
			end = c.rows[n+1].at
		}
		text := make([]byte, end-c.rows[n].at)
		if _, err := c.file.ReadAt(text, c.rows[n].at); err != nil {
			return fmt.Errorf("reading the balances at a cut from a temporary file: %w", err)
		}
		for len(text) > 0 {
			r := Row{Key: Key{Account: account}}
			var err error
			if text, err = r.read(text, texts); err != nil {
				return fmt.Errorf("reading the balances at a cut from a temporary file: account %d: %w", account, err)
			}
			if err := each(&r); err != nil {
				return err
			}
		}
	}
	return nil
}

// append appends a row without its account and version.
func (r *Row) append(to []byte) []byte {
	to = binary.AppendVarint(to, int64(r.Cycle))
	to = append(to, r.Tier, byte(r.Unit))
	for _, text := range []string{r.Currency, r.Class} {
		to = append(binary.AppendUvarint(to, uint64(len(text))), text...)
	}
	hi, lo := r.Amount.Parts()
	for _, n := range []int64{r.Records, r.Quantity, hi} {
		to = binary.AppendVarint(to, n)
	}
	return binary.AppendUvarint(to, lo)
}

// read reads what append wrote, and returns the text after it. texts has each text once.
func (r *Row) read(from []byte, texts map[string]string) ([]byte, error) {
	short := false
	number := func() int64 {
		n, size := binary.Varint(from)
		short = short || size <= 0
		from = from[max(size, 0):]
		return n
	}
	unsigned := func() uint64 {
		n, size := binary.Uvarint(from)
		short = short || size <= 0
		from = from[max(size, 0):]
		return n
	}
	take := func(size uint64) []byte {
		if uint64(len(from)) < size {
			short, size = true, 0
		}
		taken := from[:size]
		from = from[size:]
		return taken
	}
	text := func() string {
		bytes := take(unsigned())
		known, there := texts[string(bytes)]
		if !there {
			known = string(bytes)
			texts[known] = known
		}
		return known
	}
	r.Cycle = int32(number())
	if kinds := take(2); len(kinds) == 2 {
		r.Tier, r.Unit = kinds[0], udr.Unit(kinds[1])
	}
	r.Currency, r.Class = text(), text()
	r.Records, r.Quantity = number(), number()
	hi, lo := number(), unsigned()
	if short {
		return nil, io.ErrUnexpectedEOF
	}
	var err error
	r.Amount, err = decimal.FromParts(hi, lo)
	return from, err
}
