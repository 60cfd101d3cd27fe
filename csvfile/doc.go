// Package csvfile opens CSV files as people and spreadsheets write them: with a byte order mark, commas or semicolons,
// and perhaps a first line such as sep=; that names the separator. It owns neither columns nor what rows mean.
//
// Start at NewReader; Lines is for readers that split the lines themselves.
package csvfile
