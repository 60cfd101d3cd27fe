// Package proto holds the published Protobuf definitions of ratemill's messages.
package proto

import "embed"

//go:generate go run ./generate

// Files are the .proto files, by import path.
//
//go:embed ratemill
var Files embed.FS
