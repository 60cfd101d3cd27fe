// Package csvfile opens CSV files as users and spreadsheets write them: with a byte order mark, commas or semicolons,
// and perhaps a first line such as sep=; that defines the separator. It owns neither the columns nor the meaning of
// rows.
//
// Start at NewReader; Lines is for readers that split the lines themselves.
package csvfile
