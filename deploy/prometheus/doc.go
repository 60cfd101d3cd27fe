// Package prometheus holds alert rules for Prometheus (alerts.yaml) and their unit tests (alerts_test.yaml). It owns no
// code. Its tests check the rules against the existing metrics and the runbooks.
package prometheus
