// Package engines is the engines that ratemill needs and does not bring as Go modules: what builds and checks them.
package engines
