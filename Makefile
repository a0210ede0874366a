# Core API: what can be made here. `make help` prints this list.
#
#   run             install what is missing, start Redis if none answers, build, run the server
#   connector       run a python-rq worker that prints the transactions it processes
#   build           the release binary, with symbols: .build/release/core-api
#   release         the same without symbols, as it is installed: dist/core-api
#   test            install what is missing, then every test
#   check           every gate, then every test
#   gates           the gates alone: format, style, figures, the binary
#   openapi         whether the server and docs/openapi.json agree
#   simulate        10,000 seeds of the simulations (SEEDS=…); SEED=… repeats one and tells all of it
#   test-faults     kill, cut and abuse what runs, and count what is lost: FAULTS=--short for minutes
#   fuzz            fuzz each parser for FUZZ_SECONDS (60); what is found lies in .run/fuzz
#   sanitize        every test under the thread and the address sanitizer
#   bench           measure against other servers; BENCH="--quick", "--latency", …: see bench.py --help
#   bench-gates     instructions and allocations for one transaction against their thresholds
#   bench-hotspots  where they go; HOTSPOTS="--queue stream:transactions"
#   format          rewrite the Swift sources as .swift-format says
#   clean           stop the Redis that `make run` started, remove what was built; .run/redis stays

.PHONY: help run connector build release test check gates openapi simulate test-faults fuzz sanitize \
	bench bench-gates bench-hotspots format clean
.DEFAULT_GOAL := help

SOURCES := Package.swift Sources Tests Fuzz docs/examples

help:
	@sed -n 's/^#   //p' Makefile

run:
	@scripts/run.sh

connector:
	@scripts/connector.sh

test:
	@scripts/setup.sh build test
	swift build --build-tests
	swift test --skip-build

test-faults: build
	@scripts/setup.sh test
	python3 Tests/FaultTests/faults.py --self-test
	python3 Tests/FaultTests/faults.py $(FAULTS)
	python3 Tests/FaultTests/abuse.py $(FAULTS)

sanitize:
	@scripts/sanitize.sh thread address

# In debug, so that every check of the product counts. 10,000 seeds take about half a minute.
simulate:
	@scripts/setup.sh build test
	swift build --build-tests
	SIMULATION_SEEDS=$(or $(SEEDS),10000) $(if $(SEED),SIMULATION_SEED=$(SEED)) \
		swift test --skip-build --filter SimulationTests

build:
	@scripts/build.sh

release: build
	mkdir -p dist
	strip -o dist/core-api .build/release/core-api

check: gates test

gates: release
	@scripts/setup.sh check
	swift format lint --strict --recursive --parallel $(SOURCES)
	python3 scripts/check-style.py
	.run/check/bin/python scripts/check-currencies.py
	scripts/check-binary.sh

openapi: build
	@scripts/setup.sh openapi
	.run/schemathesis/bin/python Tests/OpenAPITests/openapi.py

fuzz:
	@scripts/fuzz.sh

bench: build
	@scripts/setup.sh bench
	python3 Benchmarks/bench.py $(BENCH)

bench-gates: release
	@scripts/setup.sh bench-gates
	python3 Benchmarks/gates.py

bench-hotspots: build
	@scripts/setup.sh bench-gates
	python3 Benchmarks/hotspots.py $(HOTSPOTS)

format:
	swift format --in-place --recursive --parallel $(SOURCES)

clean:
	@scripts/stop-redis.sh
	rm -rf .build .build-* dist
	find .run -mindepth 1 -maxdepth 1 ! -name redis -exec rm -rf {} + 2> /dev/null || true
