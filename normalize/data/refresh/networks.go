package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strings"
)

type listed struct {
	Type, CountryCode, MCC, MNC, Brand, Operator, Status string
}

type network struct {
	country, name, operator string
	active                  bool
}

// networkTable merges both lists into one line for each MCC and MNC.
//
// Conflicts are resolved as follows: mcc-mnc-list takes precedence over mcc-mnc-table, because it shows which entries
// are in use. Among its entries for one code, an operational entry wins, then an entry whose country the table also
// contains, then the first entry. A code that several countries share ("BL/GF/GP/MF/MQ") gets the table's country, or
// else the first. The table adds the codes that the list lacks (the first row of each), except MNC 299 and 999, which
// stand for "some MVNO" and "failed calls" and are not networks.
func networkTable(tablePath, listPath string) ([]byte, error) {
	rows, err := readCSV(tablePath)
	if err != nil {
		return nil, err
	}
	table := map[string][]map[string]string{}
	for _, row := range rows {
		key := row["MCC"] + "-" + row["MNC"]
		table[key] = append(table[key], row)
	}
	text, err := os.ReadFile(listPath)
	if err != nil {
		return nil, err
	}
	var entries []listed
	if err := json.Unmarshal(text, &entries); err != nil {
		return nil, err
	}

	list := map[string][]listed{}
	left := 0
	for _, e := range entries {
		if !digits(e.MCC, 3, 3) || !digits(e.MNC, 2, 3) {
			left++ // counts ranges such as "100 - 190", and "?"
			continue
		}
		list[e.MCC+"-"+e.MNC] = append(list[e.MCC+"-"+e.MNC], e)
	}

	networks := map[string]network{}
	for key, found := range list {
		hint := tableCountry(table[key])
		best := found[0]
		for _, e := range found[1:] {
			if rank(e, hint) > rank(best, hint) {
				best = e
			}
		}
		n := network{country: countryOf(best.CountryCode, hint), name: clean(best.Brand), operator: clean(best.Operator),
			active: best.Status != "Not operational" && best.Status != "Returned spare"}
		if n.name == "" {
			n.name = n.operator
		}
		if n.name == "" && len(table[key]) > 0 {
			n.name = table[key][0]["Network"]
		}
		networks[key] = n
	}
	added, catchAll := 0, 0
	for key, found := range table {
		if _, known := networks[key]; known || !digits(found[0]["MCC"], 3, 3) || !digits(found[0]["MNC"], 2, 3) {
			continue
		}
		if mnc := found[0]["MNC"]; mnc == "299" || mnc == "999" {
			catchAll++
			continue
		}
		networks[key] = network{country: tableCountry(found), name: found[0]["Network"], active: true}
		added++
	}

	keys := make([]string, 0, len(networks))
	for key := range networks {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	var out bytes.Buffer
	fmt.Fprintf(&out, "# MCC-MNC, country, name, operator when it differs, x when not in use; from pbakondy/mcc-mnc-list and "+
		"musalbas/mcc-mnc-table (MIT)\n")
	fmt.Fprintf(&out, "# list: %d entries, %d without a plain code, %d codes; table: %d rows, %d codes, %d of them added, %d "+
		"catch-alls left out\n",
		len(entries), left, len(list), len(rows), len(table), added, catchAll)
	for _, key := range keys {
		n := networks[key]
		operator, inUse := n.operator, ""
		if operator == n.name {
			operator = ""
		}
		if !n.active {
			inUse = "x"
		}
		out.WriteString(strings.TrimRight(strings.Join([]string{key, n.country, n.name, operator, inUse}, "\t"), "\t") + "\n")
	}
	return out.Bytes(), nil
}

func rank(e listed, hint string) int {
	points := 0
	if e.Status == "Operational" {
		points += 4
	}
	if e.CountryCode == hint {
		points += 2
	}
	if len(e.CountryCode) == 2 {
		points++
	}
	return points
}

func tableCountry(rows []map[string]string) string {
	if len(rows) == 0 || len(rows[0]["ISO"]) != 2 {
		return ""
	}
	country := strings.ToUpper(rows[0]["ISO"])
	if country == "AN" {
		return "CW" // the Netherlands Antilles ceased to exist in 2010; most of their networks are Curaçao's
	}
	return country
}

func countryOf(code, hint string) string {
	if code, _, ok := strings.Cut(code, "-"); ok {
		return code // GE-AB: a region of Georgia
	}
	if strings.Contains(code, "/") {
		if hint != "" && strings.Contains(code, hint) {
			return hint
		}
		return strings.Split(code, "/")[0]
	}
	if code == "" {
		return hint
	}
	return code
}

func digits(text string, least, most int) bool {
	return len(text) >= least && len(text) <= most && strings.Trim(text, "0123456789") == ""
}
