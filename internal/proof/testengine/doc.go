// Package testengine starts real engines for tests: OpenSSH's sshd, Apache Kafka, PostgreSQL, and ratemill's own
// embedded Kafka and ClickHouse. It is used only in tests.
//
// Start… starts a separate engine for a test. The engine ends with the test, and the test may Kill and Restart it.
// Shared… returns the engine that all tests of the process share. It starts on first use and ends in Main, which such
// a package calls from its TestMain:
//
//	func TestMain(m *testing.M) { testengine.Main(m) }
//
// If an engine is not installed, the test fails with the command that installs it. Tests are not skipped
// because of it.
package testengine
