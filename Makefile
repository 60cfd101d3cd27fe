# make demo needs only Go and npm: `make check-prereqs` says what is missing and how to get it.
# Everything that is brought goes to .deps/, everything that is built to bin/.

SHELL := /bin/sh
CHDB  := .deps/chdb/node_modules/@chdb/lib-linux-x64-gnu/libchdb.so
KAFKA := .deps/kafka/stamp

.DEFAULT_GOAL := build
.PHONY: build deps deps-test check-prereqs check-prereqs-test test demo clean

build:
	go build -o bin/ratemill ./cmd/ratemill

# The ClickHouse engine as a library, pinned by deploy/engines/package-lock.json.
deps: $(CHDB)

$(CHDB): deploy/engines/package.json deploy/engines/package-lock.json
	@command -v npm >/dev/null || $(MAKE) --no-print-directory check-prereqs
	@mkdir -p .deps/chdb
	@cp deploy/engines/package.json deploy/engines/package-lock.json .deps/chdb/
	cd .deps/chdb && npm ci --no-audit --no-fund --loglevel=error
	@test -f $@ || { echo "npm brought no $@: libchdb exists for Linux on x86-64 with glibc only; on others use a ClickHouse server (its DSN in the configuration)" >&2; exit 1; }
	@touch $@

# Apache Kafka for the tests, pinned by deploy/engines/pom.xml.
deps-test: deps $(KAFKA)

$(KAFKA): deploy/engines/pom.xml
	@command -v mvn >/dev/null || $(MAKE) --no-print-directory check-prereqs-test
	@rm -rf .deps/kafka && mkdir -p .deps/kafka
	mvn -q -B -f deploy/engines/pom.xml dependency:copy-dependencies -DoutputDirectory=$(CURDIR)/.deps/kafka/libs
	@touch $@

# What building and the demo need, and what the tests need besides: one line for each that is missing.
check-prereqs:
	@deploy/engines/prerequisites build

check-prereqs-test:
	@deploy/engines/prerequisites test

test: check-prereqs-test deps-test
	go test ./...

demo: deps build
	bin/ratemill demo

clean:
	rm -rf bin
