//go:build !linux

package clickhouse

func spread(string) {}
