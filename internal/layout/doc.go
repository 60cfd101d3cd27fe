// Package layout checks how the tree is laid out: which package may import which, how long files and functions are, and
// whether the files that comments name are there.
package layout
