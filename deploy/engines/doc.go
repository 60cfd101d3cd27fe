// Package engines contains what builds and checks the engines that ratemill needs and that are not Go modules.
package engines
