// Package licences checks that everything that is linked into the binary may be shipped in it.
package licences
