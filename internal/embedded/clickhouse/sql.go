package clickhouse

import "strings"

// insertAt returns the position for FROM INFILE in an INSERT with external data: after the table and its columns,
// before SETTINGS and FORMAT (ParserInsertQuery). ok is false for any other statement, such as an INSERT with VALUES or
// SELECT.
func insertAt(q string) (at int, format string, ok bool) {
	s := scanner{q: q}
	if !s.next().is("INSERT") {
		return 0, "", false
	}
	t := s.next()
	if t.is("INTO") {
		t = s.next()
	}
	if t.is("TABLE") || t.is("FUNCTION") {
		s.next()
	}
	for t = s.next(); t.is("."); t = s.next() {
		s.next()
	}
	at = -1
	for depth := 0; ; t = s.next() {
		switch {
		case t.text == "":
			if at < 0 {
				at = len(strings.TrimRight(q, " \t\r\n;"))
			}
			return at, format, true
		case t.is("("):
			depth++
		case t.is(")"):
			depth--
		case depth > 0:
		case t.is("VALUES"), t.is("SELECT"), t.is("WITH"), t.is("INFILE"), t.is("WATCH"):
			// To ClickHouse, FORMAT Values and a bare VALUES with rows in the body are the same.
			rest := s.next()
			if t.is("VALUES") && (rest.text == "" || rest.is(";")) {
				if at < 0 {
					at = t.start
				}
				return at, "Values", true
			}
			return 0, "", false
		case t.is("SETTINGS"):
			if at < 0 {
				at = t.start
			}
		case t.is("FORMAT"):
			if at < 0 {
				at = t.start
			}
			format = s.next().text
		}
	}
}

// outputFormat returns the format in a statement's own FORMAT clause, or "".
func outputFormat(q string) (format string) {
	s := scanner{q: q}
	depth := 0
	for t := s.next(); t.text != ""; t = s.next() {
		switch {
		case t.is("("):
			depth++
		case t.is(")"):
			depth--
		case depth == 0 && t.is("FORMAT"):
			if name := s.next().text; name != "" && isWord(name[0]) {
				format = name
			}
		}
	}
	return format
}

// creates reports whether a statement may create a table.
func creates(q string) bool {
	s := scanner{q: q}
	t := s.next()
	return t.is("CREATE") || t.is("ATTACH")
}

// ofSession reports whether a statement only affects later statements of its session. No later statements exist: each
// request has its own session, and its session_id is only a name.
func ofSession(q string) bool {
	s := scanner{q: q}
	first, second := s.next(), s.next()
	return first.is("SET") || first.is("USE") || first.is("CREATE") && (second.is("TEMPORARY") || second.is("OR") && s.next().is("REPLACE") &&
		s.next().is("TEMPORARY"))
}

// selects reports whether a statement returns rows.
func selects(q string) bool {
	s := scanner{q: q}
	t := s.next()
	for t.is("(") {
		t = s.next()
	}
	return t.is("SELECT") || t.is("WITH")
}

type token struct {
	text  string
	start int
}

func (t token) is(word string) bool { return strings.EqualFold(t.text, word) }

// scanner splits SQL into words, quoted texts and single characters, skipping space and comments.
type scanner struct {
	q   string
	pos int
}

func (s *scanner) next() token {
	s.skipSpace()
	start := s.pos
	if start >= len(s.q) {
		return token{start: start}
	}
	switch c := s.q[start]; {
	case c == '\'' || c == '"' || c == '`':
		for s.pos++; s.pos < len(s.q); s.pos++ {
			if s.q[s.pos] == '\\' {
				s.pos++
			} else if s.q[s.pos] == c {
				break
			}
		}
		s.pos = min(s.pos+1, len(s.q))
	case isWord(c):
		for s.pos < len(s.q) && isWord(s.q[s.pos]) {
			s.pos++
		}
	default:
		s.pos++
	}
	return token{text: s.q[start:s.pos], start: start}
}

func (s *scanner) skipSpace() {
	for s.pos < len(s.q) {
		rest := s.q[s.pos:]
		switch {
		case strings.IndexByte(" \t\r\n\f\v", rest[0]) >= 0:
			s.pos++
		case strings.HasPrefix(rest, "--") || rest[0] == '#' && len(rest) > 1 && (rest[1] == ' ' || rest[1] == '!'):
			s.pos += endOf(rest, "\n")
		case strings.HasPrefix(rest, "/*"):
			s.pos += endOf(rest, "*/")
		default:
			return
		}
	}
}

func endOf(s, end string) int {
	if i := strings.Index(s, end); i >= 0 {
		return i + len(end)
	}
	return len(s)
}

func isWord(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || c >= 0x80
}

// quote returns s as a string literal of ClickHouse's SQL.
func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}
