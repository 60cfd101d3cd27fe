package diag

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// Places of passwords on a line: the value of a key with such a name, however misspelt, and the password
// in a URL.
var (
	secretValue = regexp.MustCompile(`(?i)["']?([\w-]*(?:pas+w|pass?phr|passwd|pwd|secret)[\w-]*)["']?\s*[:=]\s*("[^"]*"?|'[^']*'?|[^,}&#\s][^,}&#]*)`)
	secretInURL = regexp.MustCompile(`://[^/@\s:]*:([^\s"'#]+)@|[?&]password=([^&\s"']+)`)
)

// masked returns a line of a document without the passwords in it, with the same length, because printed documents
// end up in build logs.
func masked(line string) string {
	matches := secretValue.FindAllStringSubmatchIndex(line, -1)
	for i := len(matches) - 1; i >= 0; i-- {
		m := matches[i]
		key, value := line[m[2]:m[3]], line[m[4]:m[5]]
		if strings.HasSuffix(key, "_file") || strings.HasSuffix(key, "_env") || strings.HasPrefix(strings.Trim(value, `"'`), "${") {
			continue
		}
		line = hidden(line, m[4], m[5])
	}
	return maskedURLs(line)
}

// maskedURLs returns a text without the passwords in URLs.
func maskedURLs(text string) string {
	matches := secretInURL.FindAllStringSubmatchIndex(text, -1)
	for i := len(matches) - 1; i >= 0; i-- {
		m := matches[i]
		text = hidden(text, max(m[2], m[4]), max(m[3], m[5]))
	}
	return text
}

func hidden(text string, from, to int) string {
	return text[:from] + strings.Repeat("•", utf8.RuneCountInString(text[from:to])) + text[to:]
}
