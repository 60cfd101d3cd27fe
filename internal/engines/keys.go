package engines

import (
	"errors"

	"ratemill/internal/config"
	"ratemill/internal/embedded/keys"
)

// embeddedKeys returns the passwords of the embedded engines: the process that starts the engines creates them, others
// read them.
func (e *Engines) embeddedKeys() (keys.Keys, error) {
	c := e.Config
	switch {
	case !c.EmbeddedKafka() && !c.EmbeddedClickHouse():
		return keys.Keys{}, nil
	case e.Attach:
		return attachedKeys(c)
	}
	return keys.Make(c.Data)
}

// attachedKeys returns the passwords of embedded engines that are already running. If there are no passwords, no
// engine ran on this data folder: an engine that answers anyway belongs to another installation, and refuses these
// passwords.
func attachedKeys(c *config.Config) (keys.Keys, error) {
	k, err := keys.Read(c.Data)
	if missing := (*keys.MissingError)(nil); errors.As(err, &missing) {
		return keys.Keys{Owner: "none", Reader: "none"}, nil
	}
	return k, err
}
