package normalize

import (
	"crypto/sha256"
	"encoding/hex"
	"sync"
)

// FormerDataVersions are earlier values of DataVersion. The rules for valid phone numbers have changed since then, so
// files that were begun with one of these versions are finished with the new data.
var FormerDataVersions = []string{"4c86a700a57b1d3f"}

// DataVersion is a hash of the reference data. A pin of everything on which a result depends includes it.
var DataVersion = sync.OnceValue(func() string {
	h := sha256.New()
	for _, text := range []string{countriesText, networksText, callingText, regionsText, currenciesText, zonesText} {
		h.Write([]byte(text))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
})
