// Package licences checks that everything that is linked into the binary may be distributed with it.
package licences
