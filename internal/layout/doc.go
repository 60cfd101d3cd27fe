// Package layout checks how the tree is laid out: which package may import which, how long files and functions are, and
// whether the files to which comments refer exist.
package layout
