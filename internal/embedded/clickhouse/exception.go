package clickhouse

import (
	"net/http"
	"strconv"
	"strings"
)

// Exception is an error of the ClickHouse engine, with ClickHouse's own code and text.
type Exception struct {
	Code int
	Text string
}

func (e *Exception) Error() string { return e.Text }

// parseException reads the code from "Code: 47. DB::Exception: …"; 1001 (STD_EXCEPTION) is ClickHouse's code for an
// error that has none.
func parseException(text string) *Exception {
	e := &Exception{Code: 1001, Text: strings.TrimRight(text, "\n")}
	if _, rest, found := strings.Cut(text, "Code: "); found {
		digits, _, _ := strings.Cut(rest, ".")
		if n, err := strconv.Atoi(digits); err == nil {
			e.Code = n
		}
	}
	return e
}

// status returns the HTTP status that ClickHouse uses for an error (exceptionCodeToHTTPStatus).
func (e *Exception) status() int {
	switch e.Code {
	case 6, 8, 15, 25, 26, 27, 36, 38, 41, 42, 43, 44, 49, 53, 62, 69, 72, 117, 130, 131, 184, 321, 427, 540, 675:
		// syntax errors, wrong arguments and types
		return http.StatusBadRequest
	case 46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 336:
		// unknown function, identifier, type, storage, table, aggregate function, format, query type, database,
		// setting, database engine
		return http.StatusNotFound
	case accessDenied, authenticationFailed:
		return http.StatusForbidden
	case 159:
		return http.StatusRequestTimeout
	case 223:
		return http.StatusRequestEntityTooLarge
	case 48:
		return http.StatusNotImplemented
	case 209, 439:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}
