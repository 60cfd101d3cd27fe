package clickhouse

import (
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// A statement of the read-only user must pass three checks. Two are ClickHouse's own: the reader's role, which may
// read only ratemill's tables and no file, URL or other source, and readonly = 1, which does not let any statement
// change a setting. This check covers what these two leave open in the library, which was built for the user whose
// files it reads: INTO OUTFILE, functions that read files or open connections, several statements in one text, and
// system tables.
//
// It checks the statement as ClickHouse's parser understood it (formatQuerySingleLine): there are no comments, keywords
// are in capitals, and names are quoted in only one way.

// readable returns the reason why the read-only user may not run a statement, given in ClickHouse's format.
func readable(canonical string) error {
	words := wordsOf(canonical)
	if !asks(words) {
		return denied("the user reader may only send SELECT, EXPLAIN, DESCRIBE, EXISTS, SHOW TABLES, COLUMNS, CREATE, DATABASES, " +
			"FUNCTIONS, SETTINGS")
	}
	fileNamed, namesFunctions := false, false
	for i, w := range words {
		next := at(words, i+1)
		switch name := w.name(); {
		case w.is("INTO") && next.is("OUTFILE"):
			return denied("the user reader may not write files (INTO OUTFILE); save the answer yourself")
		case w.is("PARALLEL") && next.is("WITH"):
			return denied("the user reader may send one statement at a time")
		case w.is("SETTINGS") && !at(words, i-1).is(".") && at(words, i+2).is("="):
			// ClickHouse does not apply readonly to a subquery's settings.
			return denied("the user reader may not set anything in a statement (SETTINGS); some settings can be sent as parameters of the request")
		case w.is("Identifier") && at(words, i-1).is(":"):
			return denied("the user reader may use parameters for values, not for names ({x:Identifier})")
		case name == "":
		case name == "system" && next.is("."):
			if table := at(words, i+2).name(); !slices.Contains(openTables, table) {
				return denied(fmt.Sprintf("system.%.100s is not available to the user reader; the available tables are "+
					"%s", table, strings.Join(openTables, ", ")))
			}
		case slices.Contains(closedFunctions, name), next.is("(") && slices.Contains(closedSources, name):
			return denied(fmt.Sprintf("the user reader may not use %.100s", name))
		case name == "file" && !at(words, i-1).is("."):
			fileNamed = true
			namesFunctions = namesFunctions || next.is("(")
		case name == "apply", next.is("(") && (strings.HasPrefix(name, "array") || strings.HasPrefix(name, "map")):
			// These take the name of a function, and file is also the name of a column.
			namesFunctions = true
		}
	}
	if fileNamed && namesFunctions {
		return denied("the user reader may not use the function file; if you mean the column of that name, write its table before it, as in " +
			"rated_usage.file")
	}
	return nil
}

// asks reports whether a statement only reads rows.
func asks(words []token) bool {
	first := at(words, 0)
	if first.is("SHOW") {
		second := at(words, 1)
		if second.is("FULL") || second.is("EXTENDED") {
			second = at(words, 2)
		}
		return slices.ContainsFunc([]string{"TABLES", "COLUMNS", "CREATE", "DATABASES", "FUNCTIONS", "SETTINGS", "INDEXES"}, second.is)
	}
	if first.is("EXPLAIN") && at(words, 1).is("CURRENT") {
		return false
	}
	return slices.ContainsFunc([]string{"SELECT", "WITH", "(", "EXPLAIN", "DESCRIBE", "EXISTS"}, first.is)
}

// openTables are the system tables from which drivers and BI tools read the schema; they show only what the reader may
// see. Other system tables show other users' statements, the machine and its disks.
var openTables = []string{"tables", "columns", "databases", "functions", "table_functions", "settings", "formats", "data_type_families",
	"table_engines", "time_zones", "keywords", "collations", "aggregate_function_combinators", "data_skipping_indices", "projections",
	"dictionaries", "one", "numbers", "zeros", "build_options", "contributors", "licenses", "current_roles"}

// closedFunctions are functions that reach beyond the tables: into files, other hosts, the process, the server's
// log and its memory.
var closedFunctions = []string{"hascolumnintable", "catboostevaluate", "evalmlmethod", "naivebayesclassifier", "getserversetting",
	"getmacro", "getclienthttpheader",
	"showcertificate", "addresstoline", "addresstolinewithinlines", "addresstosymbol", "demangle", "logtrace",
	"filesystemavailable", "filesystemcapacity", "filesystemunreserved", "aiclassify", "aiextract", "aigenerate", "aitranslate",
	"zookeepersessionuptime", "transactionid", "transactionlatestsnapshot", "transactionoldestsnapshot", "getserverport", "tcpport"}

// closedSources are table functions that readonly = 1 allows, and that give access to system tables.
var closedSources = []string{"merge", "cluster", "clusterallreplicas", "input", "loop", "remote", "remotesecure", "fuzzquery", "fuzzjson",
	"fuzzbits",
	"mergetreeindex", "mergetreeprojection", "mergetreetextindex", "mergetreeanalyzeindexes", "mergetreeanalyzeindexesuuid"}

// readerSettings are the settings that the read-only user may send with a request: output formats, and limits of the
// statement. Some of the other settings refer to files (format_schema, format_template_row, output_format_schema) or
// hosts.
func readerSettings(p url.Values) error {
	for name := range p {
		open := strings.HasPrefix(name, "param_") || strings.HasPrefix(name, "max_") || strings.HasPrefix(name, "http_headers_") ||
			strings.HasPrefix(name, "output_format_") && !strings.Contains(name, "schema") ||
			slices.Contains(openSettings, name) || slices.Contains(reserved, name)
		if !open {
			return denied(fmt.Sprintf("the user reader cannot set %.100s", name))
		}
	}
	return nil
}

var openSettings = []string{"extremes", "join_use_nulls", "group_by_use_nulls", "aggregate_functions_null_for_empty", "final", "limit",
	"offset",
	"date_time_input_format", "date_time_output_format", "format_csv_delimiter", "bool_true_representation", "bool_false_representation",
	"format_csv_null_representation", "format_tsv_null_representation", "session_timezone", "use_client_time_zone",
	"send_progress_in_http_headers",
	"cancel_http_readonly_queries_on_client_close", "result_overflow_mode", "timeout_overflow_mode", "read_overflow_mode",
	"timeout_before_checking_execution_speed",
	"prefer_column_name_to_alias", "union_default_mode", "http_response_buffer_size", "http_wait_end_of_query", "decimal_check_overflow"}

// canonical returns a statement of one reading session in the form of ClickHouse's parser.
func (s *session) canonical(statement string) (text string, err error) {
	// In hex, no statement can end its own literal.
	err = s.query("SELECT formatQuerySingleLine(unhex('"+hex.EncodeToString([]byte(statement))+"'))", "TabSeparatedRaw", func(b []byte) error {
		text = strings.TrimSpace(string(b))
		return nil
	})
	if e, ok := err.(*Exception); ok {
		told, _, _ := strings.Cut(e.Text, ": In scope SELECT formatQuerySingleLine")
		if told != e.Text && e.Code == syntaxError {
			told += ". (SYNTAX_ERROR)"
		}
		return "", &Exception{Code: e.Code, Text: told}
	}
	return text, err
}

const syntaxError = 62

func denied(why string) *Exception {
	return &Exception{Code: accessDenied, Text: "Code: 497. DB::Exception: " + why + ". (ACCESS_DENIED)"}
}

const accessDenied = 497

// name returns a token as a name, in lower case and without its quotes; "" if it cannot be a name.
func (t token) name() string {
	switch {
	case t.text == "" || t.text[0] == '\'':
		return ""
	case t.text[0] == '`' || t.text[0] == '"':
		inner := strings.Trim(t.text, t.text[:1])
		return strings.ToLower(strings.NewReplacer(`\\`, `\`, `\`, ``).Replace(inner))
	case isWord(t.text[0]):
		return strings.ToLower(t.text)
	}
	return ""
}

func wordsOf(q string) (words []token) {
	s := scanner{q: q}
	for t := s.next(); t.text != ""; t = s.next() {
		words = append(words, t)
	}
	return words
}

func at(words []token, i int) token {
	if i < 0 || i >= len(words) {
		return token{}
	}
	return words[i]
}
