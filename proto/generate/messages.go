package main

// file is a generated file.
type file struct {
	path     string // from the module's root
	pkg      string
	proto    string
	padded   bool // lengths of messages within messages take four bytes; otherwise as few as they can
	messages []message
	objects  []object // messages as JSON
}

// files are the generated files.
var files = []file{
	{path: "udr/messages_gen.go", pkg: "udr", proto: "ratemill/v1/usage.proto", padded: true, messages: udrMessages},
	{path: "rating/messages_gen.go", pkg: "rating", proto: "ratemill/v1/rated.proto", messages: ratingMessages},
	{path: "internal/ratedlog/messages_gen.go", pkg: "ratedlog", proto: "ratemill/v1/log.proto", padded: true, messages: ratedlogMessages},
	{path: "internal/warehouse/messages_gen.go", pkg: "warehouse", proto: "ratemill/v1/rated.proto", messages: warehouseMessages},
	{path: "mediation/messages_gen.go", pkg: "mediation", proto: "ratemill/stored/v1/mediation.proto", padded: true,
		messages: mediationMessages},
	{path: "internal/offline/messages_gen.go", pkg: "offline", objects: offlineObjects},
}

// message defines the Go type that a message of the .proto files is read into and written from.
type message struct {
	name   string // in the .proto
	goType string
	append string   // function that appends it, exported or not; "" for none
	parse  string   // function or method that parses it; "" for none
	reset  string   // statements that parse runs first; "" empties the value
	method bool     // parse is a method, which empties nothing
	field  string   // a method that reads one field
	check  string   // method that checks at the end whether the parsed message is possible
	only   []string // the fields that are read into a type that has no others
	hand   bool     // append and parse are written by hand, or in another package
	omit   string   // a method of goType: a field of the type is left out if it is true
	fields map[string]field
	sets   []set
	names  map[string]string // constants with the number of a field
	lower  bool              // the fields of the Go type are not exported
}

// set is a constant with a bit for each number of some fields.
type set struct {
	constant, meaning string
	fields            []string
}

// field defines exceptions: by default a Go name is the .proto's in Go's spelling, a Go type the .proto's, and texts
// point into the message.
type field struct {
	goName  string // Identifier.Kind
	goType  string // Instant, Unit, DuplicateKey
	limit   string // names of an enum's values: others are an error
	most    string // the largest number: more is an error; of a list, the most of its messages
	what    string // the field in words, for these errors
	when    string // it is written if this is so
	present string // a bool of the Go type: that the field is there
	owned   bool   // a text is copied
	array   array  // bytes are an array
	raw     bool   // a message stays as bytes
	short   bool   // the length takes as few bytes as it can, although those of the file's messages take four
	append  string // the method that appends it, written by hand
	parse   string // the method that parses it, written by hand
	pointer bool   // its Go type is a pointer to the message's; nil: it is left out

	// Functions that append only this field; the message's own function then omits it, unless append is set. They
	// append one value, all values of a list, or one whose message is already encoded.
	one, all, encoded string

	apart bool // it is appended elsewhere, not with the others
	last  bool // appended after the others
}

// array defines how bytes of fixed length are written and read.
type array int

const (
	noArray    array = iota
	always           // written even if zero; another length is an error
	unlessZero       // left out if zero; another length is an error
	lenient          // left out if zero; another length is cut or filled up
)
