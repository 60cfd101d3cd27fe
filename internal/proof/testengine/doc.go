// Package testengine starts real engines for tests: OpenSSH's sshd, Apache Kafka, PostgreSQL, and ratemill's own
// embedded Kafka and ClickHouse. Nothing in it is used outside tests.
//
// Start… gives a test its own engine, which ends with the test, and which the test may Kill and Restart. Shared… gives
// the engine that all tests of the process share; it starts on first use and ends in Main, which such a package calls
// from its TestMain:
//
//	func TestMain(m *testing.M) { testengine.Main(m) }
//
// If an engine is not installed, the test fails with the command that installs it. No test is skipped for it.
package testengine
