package account

import (
	"bytes"
	"encoding/json"

	"ratemill/registry"
	"ratemill/udr"
)

// Statement is a fact that a change of this package makes.
type Statement struct {
	Kind, Subject, Name string
	From                udr.Instant
	State               registry.State
	Value               []byte
}

// KindStatus is the kind of statements about an account's status.
const KindStatus = "status"

func canonicalJSON(value []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(value))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}
