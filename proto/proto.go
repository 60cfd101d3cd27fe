// Package proto contains the Protobuf definitions of ratemill's messages. The messages in ratemill/v1 are
// published; those in ratemill/stored are internal.
package proto

import "embed"

//go:generate go run ./generate

// Files contains the .proto files, by import path.
//
//go:embed ratemill
var Files embed.FS
