package main

// stage is a line of the table, measured by a Go benchmark beside the code.
type stage struct {
	name      string
	pkg       string
	benchmark string // name of the Go benchmark, without -GOMAXPROCS
	records   int    // records per operation; 0: the number of SIMs
	target    float64
	sims      string // environment variable for the number of SIMs
	unit      string // metric with the processor time; the default is that of our benchmarks
}

var stages = []stage{
	{name: "CSV decode, 20 columns", pkg: "./mediation/decode", benchmark: "BenchmarkCSV/20columns", records: 100_000},
	{name: "decode + rules + normalize", pkg: "./mediation/source", benchmark: "BenchmarkFeed", records: 1, target: 500_000},
	{name: "the same, skylink's 22 columns", pkg: "./demo", benchmark: "BenchmarkSource/skylink", records: 1},
	{name: "the same, northwave's CSV", pkg: "./demo", benchmark: "BenchmarkSource/northwave", records: 1},
	{name: "the same, meshnet's JSON", pkg: "./demo", benchmark: "BenchmarkSource/meshnet", records: 1},
	{name: "registry: SIM, owner, root", pkg: "./registry", benchmark: "BenchmarkLookup/sims=$SIMS/sim+owner+root", records: 1,
		sims: "REGISTRY_SIMS"},
	{name: "a SIM and its counter, all SIMs counted", pkg: "./rating", benchmark: "BenchmarkRegisteredAndCounted", records: 1,
		sims: "REGISTRY_SIMS"},
	{name: "usage batch, encode", pkg: "./udr", benchmark: "BenchmarkBatch/encode", records: 200},
	{name: "usage batch, parse", pkg: "./udr", benchmark: "BenchmarkBatch/parse", records: 200},
	{name: "rating: zones, pool, limit, tiers", pkg: "./rating", benchmark: "BenchmarkRate", records: 1, target: 1_000_000},
	{name: "rating a part of a session, tiers", pkg: "./rating", benchmark: "BenchmarkRateSessions/1000000", records: 1},
	{name: "rating: included units, tiers", pkg: "./rating", benchmark: "BenchmarkRateIncluded/plain", records: 1},
	{name: "the same, units that roll over a cycle", pkg: "./rating", benchmark: "BenchmarkRateIncluded/rollover", records: 1},
	{name: "pool of 10 SIMs", pkg: "./rating", benchmark: "BenchmarkPool/10", records: 1},
	{name: "pool of 100 SIMs", pkg: "./rating", benchmark: "BenchmarkPool/100", records: 1},
	{name: "pool of 1,000 SIMs", pkg: "./rating", benchmark: "BenchmarkPool/1000", records: 1},
	{name: "pool of 100,000 SIMs", pkg: "./rating", benchmark: "BenchmarkPool/100000", records: 1},
	{name: "rated log, encode", pkg: "./internal/rater", benchmark: "BenchmarkRatedLog/encode", records: 200},
	{name: "rated log, decode", pkg: "./internal/rater", benchmark: "BenchmarkRatedLog/decode", records: 200},
	{name: "warehouse: rows of the rated log", pkg: "./internal/warehouse", benchmark: "BenchmarkSteadyRows", records: 100_000},
	{name: "ClickHouse sink: our side", pkg: "./internal/warehouse", benchmark: "BenchmarkInsert/block=200000", records: 1,
		unit: "client-ns/row"},
	{name: "ClickHouse sink: the engine", pkg: "./internal/warehouse", benchmark: "BenchmarkInsert/block=200000", records: 1,
		unit: "engine-ns/row"},
	{name: "import of a SIM", pkg: "./internal/control", benchmark: "BenchmarkImport/sims", sims: "CONTROL_SIMS"},
	{name: "the same with a state and a setting", pkg: "./internal/control", benchmark: "BenchmarkImport/sims+states+settings",
		sims: "CONTROL_SIMS"},
	{name: "restore of a SIM's counters", pkg: "./internal/rater", benchmark: "BenchmarkRestore/sims=$SIMS", target: 100_000,
		sims: "LEDGER_SIMS"},
	{name: "the same from Kafka, which is in it", pkg: "./internal/rater", benchmark: "BenchmarkRestoreFromKafka/sims=$SIMS",
		target: 100_000, sims: "LEDGER_SIMS"},
}
