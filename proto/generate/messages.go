package main

// file is a generated file.
type file struct {
	path     string // path from the module's root
	pkg      string
	proto    string
	padded   bool // lengths of messages within messages take four bytes; otherwise, they take as few bytes as possible
	messages []message
	objects  []object // messages as JSON
}

// files contains the generated files.
var files = []file{
	{path: "udr/messages_gen.go", pkg: "udr", proto: "ratemill/v1/usage.proto", padded: true, messages: udrMessages},
	{path: "rating/messages_gen.go", pkg: "rating", proto: "ratemill/v1/rated.proto", messages: ratingMessages},
	{path: "internal/ratedlog/messages_gen.go", pkg: "ratedlog", proto: "ratemill/v1/log.proto", padded: true, messages: ratedlogMessages},
	{path: "internal/warehouse/messages_gen.go", pkg: "warehouse", proto: "ratemill/v1/rated.proto", messages: warehouseMessages},
	{path: "mediation/messages_gen.go", pkg: "mediation", proto: "ratemill/stored/v1/mediation.proto", padded: true,
		messages: mediationMessages},
	{path: "internal/offline/messages_gen.go", pkg: "offline", objects: offlineObjects},
}

// message defines the Go type into which a message of the .proto files is read and from which it is written.
type message struct {
	name   string // in the .proto
	goType string
	append string   // name of the function that appends it, exported or not; "" for none
	parse  string   // name of the function or method that parses it; "" for none
	reset  string   // statements with which parse begins; if "", it empties the value
	method bool     // parse is a method, which does not empty the value
	field  string   // name of a method that reads one field
	check  string   // name of a method that checks at the end whether the parsed message is possible
	only   []string // the only fields that are read, into a type that has no other fields
	hand   bool     // append and parse are written by hand, or in another package
	omit   string   // name of a method of goType: if it returns true, a field of the type is omitted
	fields map[string]field
	sets   []set
	names  map[string]string // names of constants for the numbers of fields
	lower  bool              // the fields of the Go type are not exported
}

// set is a constant with one bit for each number of some fields.
type set struct {
	constant, meaning string
	fields            []string
}

// field defines exceptions. By default, the Go name is the .proto's name in Go's spelling, the Go type is the
// .proto's, and texts point into the message.
type field struct {
	goName  string // Identifier.Kind
	goType  string // Instant, Unit, DuplicateKey
	limit   string // names of an enum's values; other values are an error
	most    string // the largest allowed number; for a list, the largest number of its messages
	what    string // the field in words, for these errors
	when    string // condition under which the field is written
	present string // a bool in the Go type that tells whether the field is present
	owned   bool   // the text is copied
	array   array  // the bytes are an array
	raw     bool   // the message stays encoded as bytes
	short   bool   // the length takes as few bytes as possible, although lengths of the file's messages take four
	append  string // the method that appends it, written by hand
	parse   string // the method that parses it, written by hand
	pointer bool   // its Go type is a pointer to the message's type; nil means that the field is omitted

	// The names of functions that append only this field; the message's own function then omits the field,
	// unless append is set. They append one value, all values of a list, or a value whose message is
	// already encoded.
	one, all, encoded string

	apart bool // the field is appended elsewhere, not with the others
	last  bool // the field is appended after the others
}

// array defines how bytes of fixed length are written and read.
type array int

const (
	noArray    array = iota
	always           // written even if zero; another length is an error
	unlessZero       // omitted if zero; another length is an error
	lenient          // omitted if zero; bytes of another length are cut or filled up
)
