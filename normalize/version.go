package normalize

import (
	"crypto/sha256"
	"encoding/hex"
	"sync"
)

// FormerDataVersions are earlier values of DataVersion. The data has changed since then in what makes a phone number
// valid, so a file that was begun with one of them is finished with the new data.
var FormerDataVersions = []string{"4c86a700a57b1d3f"}

// DataVersion is a hash of the reference data. Whoever pins what a result depends on pins it too.
var DataVersion = sync.OnceValue(func() string {
	h := sha256.New()
	for _, text := range []string{countriesText, networksText, callingText, regionsText, currenciesText, zonesText} {
		h.Write([]byte(text))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
})
