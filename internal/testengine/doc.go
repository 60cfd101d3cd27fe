// Package testengine starts real engines for tests: OpenSSH's sshd, Apache Kafka, PostgreSQL, and ratemill's own
// embedded Kafka and ClickHouse. Nothing in it is used outside tests.
//
// Start… gives a test an engine of its own, ended with the test, that it may Kill and Restart. Shared… gives the one
// that all tests of the process share; it is started when first asked for and ended by Main, which such a package
// calls from its TestMain:
//
//	func TestMain(m *testing.M) { testengine.Main(m) }
//
// An engine that is not installed fails the test with the line that installs it. No test is skipped for it.
package testengine
