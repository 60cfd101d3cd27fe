package udr

import (
	"fmt"
	"time"
)

// Instant is a point in time: nanoseconds since 1970-01-01T00:00:00Z. 0 means unknown.
type Instant int64

// Time returns the instant in UTC.
func (i Instant) Time() time.Time { return time.Unix(0, int64(i)).UTC() }

// InstantOf returns t as an instant.
func InstantOf(t time.Time) Instant { return Instant(t.UnixNano()) }

// String is RFC 3339 in UTC.
func (i Instant) String() string { return i.Time().Format(time.RFC3339Nano) }

// IDKind is the kind of an Identifier.
type IDKind uint8

// The kinds of identifiers that carriers use for a SIM.
const (
	NoID IDKind = iota
	ICCID
	IMSI
	MSISDN
	IMEI
	EID
	Name // any other identifier: a SIP user, a line id, a device id
)

var kindNames = [...]string{"", "iccid", "imsi", "msisdn", "imei", "eid", "name"}

// String returns the kind's name in rules and registry files.
func (k IDKind) String() string { return kindNames[k] }

// ParseIDKind reads a kind's name.
func ParseIDKind(name string) (IDKind, bool) {
	for i, n := range kindNames[1:] {
		if n == name {
			return IDKind(i + 1), true
		}
	}
	return NoID, false
}

// Identifier identifies a SIM in the carrier's terms. Value is canonical: only digits for the numeric kinds (an
// MSISDN is in international form without +), so equal identifiers have equal texts.
type Identifier struct {
	Kind  IDKind
	Value string
}

// DuplicateKey is a hash of the fields by which a source recognises a record that its carrier sent before; zero means
// that the source has no duplicate key.
type DuplicateKey [12]byte

// RecordKey identifies a record within its source: its duplicate key and its time of use.
type RecordKey struct {
	Duplicate DuplicateKey
	At        Instant
}

// String returns the key as text, for maps that are stored as JSON.
func (k RecordKey) String() string { return fmt.Sprintf("%x@%d", k.Duplicate[:], k.At) }

// SessionKey is a hash of the source and of the fields that identify the record's session; zero means that the record
// is a separate session.
type SessionKey [12]byte

// Attribute is a field that the source's rules define in addition to the standard fields.
type Attribute struct{ Name, Value string }

// Usage is one usage data record. Quantities are in the base unit of the class: octets, seconds, or a count.
//
// Strings of a decoded Usage point into the message from which it was decoded.
type Usage struct {
	Seq   uint64 // sequence number in the file; identifies the record together with the file's id
	Line  uint64 // position of the raw record, for display
	Bytes uint32 // length of the raw record; if the record fans out, only the first usage record has it

	Class    string // usage class: data, sms_mo, voice_mo, …
	Unit     Unit
	At       Instant // when the usage began
	Quantity int64   // what is priced

	Identifier Identifier // identifies the SIM in the carrier's terms
	SIM        uint32     // the registry's number of the SIM, 0 if unknown
	Account    uint32     // the registry's number of the account that owned the SIM at time At
	Root       uint32     // the billing root of that account

	Network     string // network of the usage: PLMN as MCC-MNC, "208-10"
	Country     string // country of the usage: ISO 3166-1 alpha-2
	Peer        string // the other party: E.164 with +, a short code, or an alphanumeric sender
	PeerCountry string // the other party's country: ISO 3166-1 alpha-2
	APN         string
	IMEI        string
	Cell        string
	Session     string // the carrier's id of the call or session
	Continues   bool   // the record is a later part of its session
	Direction   string // mo, mt, or empty
	Duration    int64  // seconds
	Up, Down    int64  // octets from and to the device

	Duplicate  DuplicateKey
	SessionKey SessionKey
	// SessionWithin is the number of seconds for which a session of the source is remembered after its last part, 0
	// if the source delivers whole sessions. The batch has one value for all its records.
	SessionWithin uint32
	// Taken and LateUntil are those of the batch; see Pin.
	Taken      Instant
	LateUntil  uint32
	Attributes []Attribute
}

// Unit is the unit of a quantity.
type Unit uint8

// The base units.
const (
	Count  Unit = iota // events, messages
	Octet              // B
	Second             // s
)

var unitNames = [...]string{"1", "B", "s"}

// String returns the unit's usual notation: 1, B, s.
func (u Unit) String() string { return unitNames[u] }

// ParseUnit reads a unit's name.
func ParseUnit(name string) (Unit, bool) {
	for i, n := range unitNames {
		if n == name {
			return Unit(i), true
		}
	}
	return 0, false
}

// Reset empties u for the next record but keeps the memory of its attributes.
func (u *Usage) Reset() { *u = Usage{Attributes: u.Attributes[:0]} }
