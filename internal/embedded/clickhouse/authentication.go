package clickhouse

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net/http"

	"ratemill/internal/embedded/keys"
)

// user identifies the sender of a request by the password in its headers: X-ClickHouse-User and X-ClickHouse-Key, or
// HTTP's basic authorization. A password in a URL is refused even if it is right, because URLs are kept in histories,
// logs and links.
func (e *engine) user(r *http.Request) (string, error) {
	for name := range r.URL.Query() {
		if name == "user" || name == "password" {
			return "", refused("a URL must not contain the parameter " + name +
				": send X-ClickHouse-User and X-ClickHouse-Key, or a basic authorization header")
		}
	}
	user, password := r.Header.Get("X-ClickHouse-User"), r.Header.Get("X-ClickHouse-Key")
	if name, word, ok := r.BasicAuth(); ok {
		if user != "" || password != "" {
			return "", refused("the request has both X-ClickHouse headers and a basic authorization header")
		}
		user, password = name, word
	}
	key := map[string]string{keys.Owner: e.keys.Owner, keys.Reader: e.keys.Reader}[user]
	given, wanted := sha256.Sum256([]byte(password)), sha256.Sum256([]byte(key))
	switch {
	case user == "" && password == "":
		return "", refused(fmt.Sprintf("the request has no user: the embedded ClickHouse has the users %s (read-only) and "+
			"%s, with passwords in files of the data folder", keys.Reader, keys.Owner))
	case key == "" || subtle.ConstantTimeCompare(given[:], wanted[:]) == 0:
		return "", refused(fmt.Sprintf("%.100s: Authentication failed: the password is not the one in the data folder of "+
			"this installation, or "+
			"there is no such user", user))
	}
	return user, nil
}

// refused returns ClickHouse's error for a request of an unknown user.
func refused(why string) *Exception {
	return &Exception{Code: authenticationFailed, Text: "Code: 516. DB::Exception: " + why + ". (AUTHENTICATION_FAILED)"}
}

const authenticationFailed = 516
