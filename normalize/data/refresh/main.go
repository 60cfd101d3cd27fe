// Command refresh rebuilds the embedded tables of package normalize from their publishers' files.
//
//	go run ./normalize/data/refresh -from DIR -to normalize/data
//
// DIR holds country-codes.csv, iso4217-codes-all.csv, mcc-mnc-table.csv and mcc-mnc-list.json; ../NOTICE names their
// sources. The tables about phone numbers come from the libphonenumber metadata of the module in go.mod, so run this
// after each upgrade of that module (until then a test of package normalize fails).
//
// It prints how many rows it read, merged and left out. The output depends on the input alone.
package main

import (
	"bytes"
	"encoding/csv"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	log.SetFlags(0)
	from := flag.String("from", "", "folder with the publishers' files; empty rebuilds the phone tables only")
	to := flag.String("to", ".", "folder to write the tables to")
	flag.Parse()

	tables := map[string]func() ([]byte, error){
		"calling.txt": callingTable,
		"regions.txt": regionTable,
		"zones.txt":   zoneTable,
	}
	if *from != "" {
		tables["countries.txt"] = func() ([]byte, error) { return countryTable(filepath.Join(*from, "country-codes.csv")) }
		tables["currencies.txt"] = func() ([]byte, error) { return currencyTable(filepath.Join(*from, "iso4217-codes-all.csv")) }
		tables["networks.txt"] = func() ([]byte, error) {
			return networkTable(filepath.Join(*from, "mcc-mnc-table.csv"), filepath.Join(*from, "mcc-mnc-list.json"))
		}
	}
	for name, build := range tables {
		table, err := build()
		if err != nil {
			log.Fatalf("%s: %v", name, err)
		}
		if err := os.WriteFile(filepath.Join(*to, name), table, 0o644); err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: %d lines, %d bytes\n", name, bytes.Count(table, []byte("\n")), len(table))
	}
}

// readCSV returns the rows of a file as maps from column to trimmed value.
func readCSV(path string) ([]map[string]string, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("%s is empty", path)
	}
	var out []map[string]string
	for _, row := range rows[1:] {
		fields := map[string]string{}
		for i, name := range rows[0] {
			fields[name] = clean(row[i])
		}
		out = append(out, fields)
	}
	return out, nil
}

// clean prepares a value for a tab-separated line.
func clean(text string) string {
	return strings.Join(strings.Fields(text), " ")
}
