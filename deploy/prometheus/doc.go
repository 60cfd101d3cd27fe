// Package prometheus holds alert rules for Prometheus (alerts.yaml) and their unit tests (alerts_test.yaml). It owns no
// code; its tests hold the rules to the metrics that exist and to the runbooks.
package prometheus
