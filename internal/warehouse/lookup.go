package warehouse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	amounts "ratemill/decimal"
	"ratemill/rating"
	"ratemill/udr"
)

// ErrNotFound means that the warehouse does not have the record (yet).
var ErrNotFound = errors.New("no such record is in the warehouse")

// NotFound is an ErrNotFound whose text says where the record is.
func NotFound(format string, args ...any) error { return notFound(fmt.Sprintf(format, args...)) }

type notFound string

func (e notFound) Error() string        { return string(e) }
func (e notFound) Is(target error) bool { return target == ErrNotFound }

// Record is a complete rated record.
type Record struct {
	File    udr.FileID
	Name    string      // name of the file; empty until the file's end arrives
	Taken   udr.Instant // when the file was read; 0 until the file's end arrives
	Pin     udr.Pin
	Usage   udr.Usage
	Account string
	Root    string
	Charges []rating.Charge // from tier 0 up
	Late    uint16          // number of billing cycles by which the file was collected after the cycle of use
	Stored  time.Time

	Log       uint32 // generation of the rated log, partition and offset: the record's position in it
	Partition int
	Offset    int64
}

// Record finds a rated record by its id; the file's part may be abbreviated to a prefix that only one file has. If the
// record was not rated, it returns ErrNotFound.
func (w *Warehouse) Record(ctx context.Context, id string) (*Record, error) {
	prefix, seq, err := udr.ParseID(id)
	if err != nil {
		return nil, err
	}
	rows, err := w.conn.Query(ctx, `SELECT r.file, r.seq, r.line, r.bytes, r.source, r.rules, r.catalogue, r.registry, r.class, r.unit, r.at, r.quantity,
		r.identifier_kind, r.identifier, r.sim, r.account, r.account_number, r.root, r.root_number, r.network, r.country, r.peer, r.peer_country, r.apn, r.imei, r.cell, r.session,
		r.continues, r.direction, r.duration, r.up, r.down, r.attributes_json, r.duplicate_key, r.charges, r.late, r.stored,
		r.log, r.partition, r.offset FROM rated_usage AS r WHERE startsWith(r.file, ?) AND r.seq = ? LIMIT 2`, prefix, seq)
	if err != nil {
		return nil, sorted("find a record", err)
	}
	defer rows.Close()
	var found []*Record
	for rows.Next() {
		r := &Record{}
		u := &r.Usage
		var file, unit, kind, attributes, key, charges string
		var at time.Time
		var partition uint16
		if err := rows.Scan(&file, &u.Seq, &u.Line, &u.Bytes, &r.Pin.Source, &r.Pin.Rules, &r.Pin.Catalogue, &r.Pin.Registry, &u.Class, &unit,
			&at, &u.Quantity,
			&kind, &u.Identifier.Value, &u.SIM, &r.Account, &u.Account, &r.Root, &u.Root, &u.Network, &u.Country, &u.Peer, &u.PeerCountry, &u.APN,
			&u.IMEI, &u.Cell, &u.Session,
			&u.Continues, &u.Direction, &u.Duration, &u.Up, &u.Down, &attributes, &key, &charges, &r.Late, &r.Stored,
			&r.Log, &partition, &r.Offset); err != nil {
			return nil, sorted("find a record", err)
		}
		if r.File, err = udr.ParseFileID(file); err != nil {
			return nil, err
		}
		u.At, r.Partition = udr.InstantOf(at), int(partition)
		u.Unit, _ = udr.ParseUnit(unit)
		u.Identifier.Kind, _ = udr.ParseIDKind(kind)
		copy(u.Duplicate[:], key)
		if u.Attributes, err = parseAttributes(attributes); err != nil {
			return nil, err
		}
		if r.Charges, err = ParseCharges([]byte(charges)); err != nil {
			return nil, fmt.Errorf("record %s:%d: %w", file, u.Seq, err)
		}
		found = append(found, r)
	}
	if err := rows.Err(); err != nil {
		return nil, sorted("find a record", err)
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("%s: %w", id, ErrNotFound)
	case 2:
		return nil, fmt.Errorf("%s matches several records, such as %s:%d and %s:%d; give more of the id", prefix, found[0].File, seq,
			found[1].File, seq)
	}
	r := found[0]
	files, err := w.conn.Query(ctx, "SELECT name, taken FROM files WHERE file = ?", r.File.String())
	if err != nil {
		return nil, sorted("find a file", err)
	}
	defer files.Close()
	for files.Next() {
		var taken time.Time
		if err := files.Scan(&r.Name, &taken); err != nil {
			return nil, sorted("find a file", err)
		}
		r.Taken = udr.InstantOf(taken)
	}
	return r, sorted("find a file", files.Err())
}

// IsDuplicate reports whether a record, whose file may be abbreviated, was a duplicate of an earlier one.
func (w *Warehouse) IsDuplicate(ctx context.Context, id string) (bool, error) {
	prefix, seq, err := udr.ParseID(id)
	if err != nil {
		return false, err
	}
	var found uint64
	err = w.conn.QueryRow(ctx, "SELECT count() FROM duplicates WHERE startsWith(file, ?) AND seq = ?", prefix, seq).Scan(&found)
	return found > 0, sorted("find a record", err)
}

// parseAttributes parses the output of appendAttributes, in its order.
func parseAttributes(object string) (attributes []udr.Attribute, err error) {
	if object == "" {
		return nil, nil
	}
	d := json.NewDecoder(strings.NewReader(object))
	var texts []string
	for {
		t, err := d.Token()
		if err != nil {
			break
		}
		if s, ok := t.(string); ok {
			texts = append(texts, s)
		}
	}
	if len(texts)%2 != 0 {
		return nil, fmt.Errorf("attributes_json is damaged: %.100s", object)
	}
	for i := 0; i < len(texts); i += 2 {
		attributes = append(attributes, udr.Attribute{Name: texts[i], Value: texts[i+1]})
	}
	return attributes, nil
}

// FileBalance is a file's row of the view file_balance.
type FileBalance struct {
	File, Name, Source                                   string
	Taken                                                time.Time
	BroughtBack                                          uint64
	Records, Added, Filtered                             uint64
	Duplicate, Suspended, Retried, Dropped, Rated, Bytes uint64
	Difference, DifferenceBytes                          int64
}

// Balance returns the balance of every file whose end has arrived.
func (w *Warehouse) Balance(ctx context.Context) ([]FileBalance, error) { return w.balance(ctx, "") }

// BalanceOf returns the balance of a file; nil until its end arrives.
func (w *Warehouse) BalanceOf(ctx context.Context, file udr.FileID) (*FileBalance, error) {
	all, err := w.balance(ctx, " WHERE file = ?", file.String())
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return &all[0], nil
}

func (w *Warehouse) balance(ctx context.Context, where string, args ...any) (all []FileBalance, err error) {
	rows, err := w.conn.Query(ctx,
		`SELECT file, name, source, taken, brought_back, records, added, filtered, toUInt64(duplicate), toUInt64(suspended),
			toUInt64(retried), toUInt64(dropped), toUInt64(rated), difference, bytes, difference_bytes FROM file_balance`+where, args...)
	if err != nil {
		return nil, sorted("compute the balance", err)
	}
	defer rows.Close()
	for rows.Next() {
		var b FileBalance
		if err := rows.Scan(&b.File, &b.Name, &b.Source, &b.Taken, &b.BroughtBack, &b.Records, &b.Added, &b.Filtered, &b.Duplicate, &b.Suspended,
			&b.Retried, &b.Dropped, &b.Rated, &b.Difference, &b.Bytes, &b.DifferenceBytes); err != nil {
			return nil, sorted("compute the balance", err)
		}
		all = append(all, b)
	}
	return all, sorted("compute the balance", rows.Err())
}

// AccountUsage is the usage of an account in a class.
type AccountUsage struct {
	Account  string
	Class    string
	Unit     string
	Records  uint64
	Quantity int64
}

// UsageByAccount returns the usage of every account, over all time.
func (w *Warehouse) UsageByAccount(ctx context.Context) (all []AccountUsage, err error) {
	rows, err := w.conn.Query(ctx,
		`SELECT account, class, unit, count(), sum(quantity) FROM rated_usage GROUP BY account, class, unit ORDER BY account, class, unit`)
	if err != nil {
		return nil, sorted("add up usage", err)
	}
	defer rows.Close()
	for rows.Next() {
		var u AccountUsage
		if err := rows.Scan(&u.Account, &u.Class, &u.Unit, &u.Records, &u.Quantity); err != nil {
			return nil, sorted("add up usage", err)
		}
		all = append(all, u)
	}
	return all, sorted("add up usage", rows.Err())
}

// AccountCost is the charge of an account in a currency.
type AccountCost struct {
	Account  string
	Currency string
	Amount   amounts.D
}

// CostByAccount returns the charges of every account, over all tiers and time.
func (w *Warehouse) CostByAccount(ctx context.Context) (all []AccountCost, err error) {
	rows, err := w.conn.Query(ctx, `SELECT account, currency, sum(amount) FROM charges GROUP BY account, currency ORDER BY account, currency`)
	if err != nil {
		return nil, sorted("add up cost", err)
	}
	defer rows.Close()
	for rows.Next() {
		var c AccountCost
		var sum decimal.Decimal
		if err := rows.Scan(&c.Account, &c.Currency, &sum); err != nil {
			return nil, sorted("add up cost", err)
		}
		if c.Amount, err = amounts.Parse(sum.String()); err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, sorted("add up cost", rows.Err())
}
