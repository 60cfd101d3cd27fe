# make demo needs only Go and npm; what is missing is said, with how to get it, before anything is fetched.
# Everything that is brought goes to .deps/, everything that is built to bin/.

SHELL := /bin/sh
CHDB  := .deps/chdb/node_modules/@chdb/lib-linux-x64-gnu/libchdb.so
KAFKA := .deps/kafka/stamp
CLIENTS := .deps/clients/stamp
EINVOICES := .deps/einvoices/stamp
PDFA := .deps/pdfa/stamp

.DEFAULT_GOAL := build
.PHONY: build deps deps-test check-go check-prereqs check-prereqs-test test test-mutants test-race test-rest crash crash-invoices year outages fuzz simulate naive invoices bench bench-compare bench-curves bench-invoices bench-latency bench-scale soak staticcheck vuln demo clean

build: | check-go
	go build -o bin/ratemill ./cmd/ratemill

# The ClickHouse engine as a library, pinned by deploy/engines/package-lock.json.
deps: $(CHDB)

$(CHDB): deploy/engines/package.json deploy/engines/package-lock.json
	@deploy/engines/prerequisites demo
	@mkdir -p .deps/chdb
	@cp deploy/engines/package.json deploy/engines/package-lock.json .deps/chdb/
	cd .deps/chdb && npm ci --no-audit --no-fund --no-update-notifier --loglevel=error
	@touch $@

# Apache Kafka for the tests, pinned by deploy/engines/pom.xml.
deps-test: deps $(KAFKA) $(CLIENTS) $(EINVOICES) $(PDFA)

# Clients of ClickHouse that the tests run as BI tools do, pinned in deploy/engines/clients.
$(CLIENTS): deploy/engines/clients/package.json deploy/engines/clients/package-lock.json deploy/engines/clients/requirements.txt
	@deploy/engines/prerequisites test
	@rm -rf .deps/clients && mkdir -p .deps/clients
	@cp deploy/engines/clients/package.json deploy/engines/clients/package-lock.json .deps/clients/
	cd .deps/clients && npm ci --no-audit --no-fund --no-update-notifier --loglevel=error
	python3 -m venv .deps/clients/venv
	.deps/clients/venv/bin/pip install --quiet --disable-pip-version-check -r deploy/engines/clients/requirements.txt
	@touch $@

$(KAFKA): deploy/engines/pom.xml
	@deploy/engines/prerequisites test
	@rm -rf .deps/kafka && mkdir -p .deps/kafka
	mvn -q -B -f deploy/engines/pom.xml dependency:copy-dependencies -DoutputDirectory=$(CURDIR)/.deps/kafka/libs
	@touch $@

# The validator of e-invoices, pinned by deploy/engines/einvoices/pom.xml.
$(EINVOICES): deploy/engines/einvoices/pom.xml
	@deploy/engines/prerequisites test
	@rm -rf .deps/einvoices && mkdir -p .deps/einvoices
	mvn -q -B -f deploy/engines/einvoices/pom.xml dependency:copy-dependencies -DoutputDirectory=$(CURDIR)/.deps/einvoices/libs
	@touch $@

# The validator of PDF/A, pinned by deploy/engines/pdfa/pom.xml.
$(PDFA): deploy/engines/pdfa/pom.xml
	@deploy/engines/prerequisites test
	@rm -rf .deps/pdfa && mkdir -p .deps/pdfa
	mvn -q -B -f deploy/engines/pdfa/pom.xml dependency:copy-dependencies -DoutputDirectory=$(CURDIR)/.deps/pdfa/libs
	@touch $@

# What building needs, what the demo needs besides, and what the tests do: one line for each that is missing.
check-go:
	@deploy/engines/prerequisites build

check-prereqs:
	@deploy/engines/prerequisites demo

check-prereqs-test:
	@deploy/engines/prerequisites test

# Packages whose goroutines meet, for the race detector. SQLite is a C program in Go's words, whose every access the
# detector would follow: without it the control store's tests take 32 s instead of 100.
WATCH := -race -gcflags='modernc.org/...=-race=false'
RACE := ./internal/broker ./internal/control ./internal/embedded/sftp ./mediation/collect
MEET := ^TestReadersGoOnWhileChangesArrive$$

# The processes of an installation run the same goroutines in every test of internal/roles, so the detector watches one
# test of each way in which these meet: engines that go away, partitions that change their owner, a mediator that dies,
# imports, retries and new rules meanwhile, stops that somebody skips, and what the roles keep in the background. The
# others run without it.
ROLES := TestAllRolesRunOverEncryptedConnections TestProcessesOfOneInstallationStartAtOnce \
	TestReadinessFollowsTheEngines TestAWarehouseThatIsAwayHoldsBackMediation \
	TestARunningProcessEndsWhenTheControlStoreWentBack TestWhoWasFencedStaysOutUntilTheGroupAssignsAnew \
	TestAFileThatGrowsWhileMediatorsDieIsReadOnce TestAMediatorLivesByTheTimeOfTheLedger \
	TestABegunFileOfARemovedSourceIsFinishedByTheDocumentThatItWasBegunWith \
	TestAnUnknownSIMIsImportedAndItsRecordsComeBack TestFixedRulesBringRecordsBack \
	TestARetryThatDiesAnywhereIsCarriedOutOnce TestAPartWaitsForTheBeginningOfItsSession \
	TestUsageCostsTheSameWhileTheStatesOfSIMsAreNotKept TestTheBalanceIsToldByTheOwnerOfTheFirstPartition \
	TestTheRegistrysFactsComeToTheWarehouse TestAMessageThatCannotBeReadStopsItsPartitionUntilSomebodySkipsIt \
	TestTheRecordThatReachesACreditLimitIsNamed
space := $(subst ,, )
WATCHED := ^($(subst $(space),|,$(strip $(ROLES))))$$

# The whole suite: against SQLite and PostgreSQL, sshd, embedded and Apache Kafka; every protective step switched off
# once, with a table of the schedules that need them; the race detector where goroutines meet. Random tests take, beside
# fixed seeds, some from a fresh one: make test SEED=1785339264103 replays a run. Three run beside each other, for each of
# them waits much: the race detector, the packages without mutants, and one package with mutants after the other. Each
# prints at its end.
test: check-prereqs-test deps-test
	@export SEED=$(or $(SEED),$$(date +%s%3N)); echo "SEED=$$SEED"; \
	$(MAKE) --no-print-directory -k -j3 --output-sync=target test-race test-rest test-mutants

# go test does not vet here: .ci/run does, once and with every analyzer.
TEST := go test -vet=off -timeout 20m

# Packages with mutants run whole with them: their other tests need no binary of their own, for a step is off only while
# its mutant runs.
MUTANTS := internal/proof/simulation internal/warehouse mediation internal/rater internal/control account

test-mutants: $(MUTANTS:%=mutants-of/%)

.PHONY: $(MUTANTS:%=mutants-of/%)
$(MUTANTS:%=mutants-of/%): mutants-of/%:
	cd $* && $(TEST) -tags mutants

test-race:
	$(TEST) $(WATCH) -run '$(WATCHED)' ./internal/roles
	$(TEST) $(WATCH) $(RACE)
	$(TEST) $(WATCH) -run '$(MEET)' ./registry

# go test begins with the packages that it is given first: the longest, so that none of them is left alone at the end.
LONG := ./internal/proof/crash ./internal/roles ./cmd/ratemill

test-rest:
	$(TEST) -skip '$(WATCHED)' $(LONG) $$(go list ./... | grep -vxF "$$(go list $(RACE) $(LONG) $(MUTANTS:%=./%))")

# Fuzz every target for a while: make fuzz FUZZTIME=5m
FUZZTIME ?= 1m
fuzz:
	@for p in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do \
	  for f in $$(grep -ho '^func Fuzz[A-Za-z0-9]*' $$p/*_test.go | sed 's/func //'); do \
	    echo "== $$p $$f"; go test $$p -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x || exit 1; done; done

# Simulated schedules with every fault, on all cores, from the seed SEED on, or else from a fresh one that is printed:
# make simulate N=100000 SEED=20000
N ?= 10000
simulate:
	SEED=$(SEED) go test -count=1 -timeout 0 -v -run TestFreshSchedules ./internal/proof/simulation -fresh $(N) -progress

# Random records over random catalogues that use the features together: the engine and a naive rater must agree, and a
# difference is shrunk. Without SEED from a fresh seed, in one process or several: make naive RECORDS=1000000 PROCESSES=4
PROCESSES ?= 1
naive: NUMBER := $(if $(filter command,$(firstword $(origin RECORDS))),$(RECORDS),10000000)
naive: check-go
	@mkdir -p bin && go test -vet=off -c -o bin/naive.test ./rating
	@export FIRST=$(or $(SEED),$$(date +%s%3N)); cd rating && seq 0 $$(($(PROCESSES) - 1)) | xargs -P $(PROCESSES) -I{} \
		sh -c 'SEED=$$((FIRST + {} * 1000000000)) ../bin/naive.test -test.run TestEngineAgreesWithTheNaiveRater -test.v \
			-fresh -progress -records $$(($(NUMBER) / $(PROCESSES)))'

# Random histories of bill runs: every line of the invoice balance is 0, every document verifies; of contracts, and of so many
# SIMs, against models that go day by day: make invoices HISTORIES=1000 SIM_HISTORIES=5000000
HISTORIES ?= 300
SIM_HISTORIES ?= 1000000
invoices:
	RATEMILL_HISTORIES=$(HISTORIES) RATEMILL_SIM_HISTORIES=$(SIM_HISTORIES) \
		go test -count=1 -timeout 0 ./invoicing ./invoicing/product ./invoicing/contract -run 'Random|SumOfAll|NaiveModel'

# What each stage and the whole cost, as tables: make bench, make bench SMALL=1, make bench COUNT=6 WHOLE=10000000. The whole
# goes on by millions, and each million costs what ClickHouse merges after it too.
# docs/performance.md explains it and the measurements below.
COUNT ?= 1
WHOLE ?= $(if $(SMALL),1000000,6000000)
bench: deps
	go run ./internal/proof/bench/table $(if $(SMALL),-small) -count $(COUNT) -n $(WHOLE)

# Two of them side by side: make bench-compare A=bin/bench/ONE.json B=bin/bench/OTHER.json
BENCHSTAT := golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da
bench-compare:
	@mkdir -p bin/bench/compare
	@go run ./internal/proof/bench/table -text $(A) >bin/bench/compare/a.txt
	@go run ./internal/proof/bench/table -text $(B) >bin/bench/compare/b.txt
	go run $(BENCHSTAT) $(notdir $(A))=bin/bench/compare/a.txt $(notdir $(B))=bin/bench/compare/b.txt

LOAD := go test -count=1 -run '^$$' -benchtime 1x -timeout 0 ./internal/proof/load -bench

# What a record costs with more SIMs, accounts, members of a pool, partitions and files.
bench-curves: deps
	$(LOAD) '^Benchmark(Partitions|Files)$$'
	go run ./internal/proof/bench/curves

# From a file that lands to its rows by SELECT, at 10, 50 and 90 % of the top load: make bench-latency SECONDS=120
bench-latency: deps
	$(LOAD) '^BenchmarkLatency$$'

# One mediator and rater, and two of each, on Apache Kafka and PostgreSQL: make bench-scale RECORDS=5000000
bench-scale: deps-test
	$(LOAD) '^BenchmarkScale$$'

# The memory of every process at a steady load: make soak MINUTES=60 RATE=15000
soak: deps
	$(LOAD) '^BenchmarkSoak$$'

# More garbage is allowed to lie, up to 3 GiB: collecting it took more than a quarter of the time.
staticcheck: .deps/bin/staticcheck
	GOGC=300 GOMEMLIMIT=3GiB .deps/bin/staticcheck ./...

.deps/bin/staticcheck: Makefile
	GOBIN=$(CURDIR)/.deps/bin go install honnef.co/go/tools/cmd/staticcheck@v0.8.2

# Known vulnerabilities of what we build with, where their database can be reached.
vuln:
	go run golang.org/x/vuln/cmd/govulncheck@latest ./...

# The crash test, long: RECORDS, KILLS, BROKER=embedded|kafka, STORE=sqlite|postgres and SEED choose what runs; without
# BROKER both do, embedded Kafka with SQLite and Apache Kafka with PostgreSQL.
RECORDS ?= 300000
KILLS ?= 60

crash: check-prereqs-test deps-test
	RECORDS=$(RECORDS) KILLS=$(KILLS) BROKER=$(BROKER) STORE=$(STORE) SEED=$(SEED) \
		go test ./internal/proof/crash -run TestNothingIsLost -count=1 -v -timeout 0

# Bill runs of months, killed, long: PAYERS, KILLS, STORE=sqlite|postgres and SEED; without STORE both.
crash-invoices: PAYERS ?= 3000
crash-invoices: check-go deps-test
	PAYERS=$(PAYERS) KILLS=$(KILLS) STORE=$(STORE) SEED=$(SEED) \
		go test ./invoicing -run TestABillRunThatIsKilled -count=1 -v -timeout 0

# Invoicing of an operator, on SQLite. Bill runs by usage that is in memory, without roots and with 1,000 of which one has 10,000 payers,
# and previews of one payer; review, finalise and list as the commands do them; the delivery queue: PDF, UBL and CSV of each document, to
# a mail server on this machine and into folders. PAYERS, SIMS and DOCUMENTS are the sizes.
bench-invoices: PAYERS ?= 100000
bench-invoices: DOCUMENTS ?= 3000
bench-invoices: check-go
	PAYERS=$(PAYERS) go test ./invoicing -run '^$$' -bench 'BillRun|Preview' -benchtime 1x -count $(COUNT) -timeout 0
	PAYERS=$(PAYERS) go test ./internal/backoffice -run '^$$' -bench '^BenchmarkFinalise$$' -benchtime 1x -count $(COUNT) -timeout 0
	DOCUMENTS=$(DOCUMENTS) go test ./internal/channels -run '^$$' -bench '^BenchmarkDelivery$$' -benchtime 1x -count $(COUNT) -timeout 0

# Years of invoices against a naive model: SIMS of each, YEARS and SEED.
SIMS ?= 20000
YEARS ?= 1
year: check-go
	SIMS=$(SIMS) YEARS=$(YEARS) SEED=$(SEED) \
		go test ./invoicing -run TestAYearOfInvoices -count=1 -v -timeout 0

# Each engine away alone for a while, while files come: make outages OUTAGE=10m
OUTAGE ?= 3m
outages: check-prereqs-test deps-test
	OUTAGE=$(OUTAGE) go test ./internal/proof/crash -run TestAnOutageOfEachEngineIsSurvived -count=1 -v -timeout 0

# make demo, or make demo N=5000000 SEED=7 to generate that many records first; with ONCE=1 it ends when all is stored.
demo: deps build
	bin/ratemill demo $(if $(filter command,$(firstword $(origin N))),--records $(N)) $(if $(SEED),--seed $(SEED)) $(if $(ONCE),--once)

clean:
	rm -rf bin
