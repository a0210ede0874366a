# Core API: the commands. `make help` prints this list.
#
#   run             install missing tools, start Redis if it does not run, build, run the server
#   connector       run a python-rq worker that prints the transactions it processes;
#                   CONNECTOR="--fail JPY": those of a currency fail
#   build           the release binary, with symbols: .build/release/core-api
#   release         the same without symbols, as it is installed: dist/core-api
#   test            install missing tools, then run every test
#   check           every gate, then every test
#   gates           the gates alone: format, style, layers, the binary
#   openapi         compare the server with docs/openapi.json
#   console         test the operators' page in a real Chromium
#   console-pictures  make pictures of each page of it, in .run/console-pictures
#   docs            the documentation of CoreAPIKit, in .run/docs
#   hummingbird     build, test and run the example of a service that embeds CoreAPIKit
#   simulate        10,000 seeds of the simulations (SEEDS=…); SEED=… repeats one with a full trace
#   test-faults     kill and overload processes, count lost transactions: FAULTS=--short for minutes
#   fuzz            fuzz each parser for FUZZ_SECONDS (60); findings are written to .run/fuzz
#   sanitize        every test under the thread and the address sanitizer
#   install         put dist/core-api and its units where PREFIX (/usr/local), SYSCONFDIR (/etc), DESTDIR say
#   uninstall       remove the installed files; the configuration stays
#   bench           measure against other servers; BENCH="--goals", "--latency", …: see bench.py --help
#   public-surface  write the public declarations to docs/public-surface.txt, which tests compare
#   bench-library   the library's parts by themselves, beside libcrypto, Foundation and Python
#   bench-gates     instructions and allocations for one transaction against their thresholds, and the
#                   costliest requests without a valid token against ten transactions
#   bench-hotspots  instructions by function; HOTSPOTS="--queue stream:transactions"
#   format          format the Swift sources by .swift-format
#   clean           stop the Redis that `make run` started, remove build products; .run/redis stays

.PHONY: help run connector build release test check gates openapi console console-pictures docs hummingbird simulate \
	test-faults fuzz sanitize bench bench-gates bench-hotspots bench-library format clean install public-surface \
	uninstall
.DEFAULT_GOAL := help

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
UNITDIR ?= $(PREFIX)/lib/systemd/system
SYSCONFDIR ?= /etc

SOURCES := Package.swift Sources Tests Fuzz Benchmarks/library docs/examples

help:
	@sed -n 's/^#   //p' Makefile

run:
	@scripts/run.sh

connector:
	@scripts/connector.sh $(CONNECTOR)

test:
	@scripts/setup.sh build test
	swift build --build-tests --explicit-target-dependency-import-check error
	python3 scripts/public-surface.py
	swift test --skip-build

test-faults: build
	@scripts/setup.sh test
	python3 Tests/FaultTests/faults.py --self-test
	python3 Tests/FaultTests/faults.py $(FAULTS)
	python3 Tests/FaultTests/abuse.py $(FAULTS)

sanitize:
	@scripts/sanitize.sh $(SANITIZE) thread address

# In debug, so that every check of the product counts. 10,000 seeds take some three minutes.
simulate:
	@scripts/setup.sh build test
	swift build --build-tests --explicit-target-dependency-import-check error
	SIMULATION_SEEDS=$(or $(SEEDS),10000) $(if $(SEED),SIMULATION_SEED=$(SEED)) \
		swift test --skip-build --filter SimulationTests

build:
	@scripts/build.sh

release: build
	mkdir -p dist
	strip -o dist/core-api .build/release/core-api

# Installs what `make release` has built, and builds nothing: root needs no compiler.
install:
	@test -x dist/core-api || { echo "install: dist/core-api is not there: run make release" >&2; exit 1; }
	install -d "$(DESTDIR)$(BINDIR)" "$(DESTDIR)$(UNITDIR)" "$(DESTDIR)$(SYSCONFDIR)/core-api"
	install -m 755 dist/core-api "$(DESTDIR)$(BINDIR)/core-api"
	sed 's,@BINDIR@,$(BINDIR),g; s,@SYSCONFDIR@,$(SYSCONFDIR),g' deploy/core-api.service.in \
		> "$(DESTDIR)$(UNITDIR)/core-api.service"
	chmod 644 "$(DESTDIR)$(UNITDIR)/core-api.service"
	install -m 644 deploy/core-api.socket "$(DESTDIR)$(UNITDIR)/core-api.socket"
	@# An existing configuration is kept.
	test -e "$(DESTDIR)$(SYSCONFDIR)/core-api/core-api.env" || install -m 640 deploy/core-api.env \
		"$(DESTDIR)$(SYSCONFDIR)/core-api/core-api.env"

uninstall:
	rm -f "$(DESTDIR)$(BINDIR)/core-api" "$(DESTDIR)$(UNITDIR)/core-api.service" \
		"$(DESTDIR)$(UNITDIR)/core-api.socket"

check: gates test

gates: release
	@scripts/setup.sh check
	swift format lint --strict --recursive --parallel $(SOURCES)
	python3 scripts/check-style.py
	python3 scripts/layers.py
	.run/check/bin/python scripts/check-currencies.py
	scripts/check-binary.sh
	scripts/check-deployment.py
	.run/check/bin/python scripts/check-kubernetes.py

openapi: build
	@scripts/setup.sh openapi
	.run/schemathesis/bin/python Tests/OpenAPITests/openapi.py

console: build
	@scripts/setup.sh console test
	.run/console/bin/python Tests/ConsoleTests/console.py

console-pictures: build
	@scripts/setup.sh console test
	.run/console/bin/python Tests/ConsoleTests/pictures.py

docs:
	@scripts/docs.sh

hummingbird: build
	@scripts/hummingbird.sh

fuzz:
	@scripts/fuzz.sh

# Without its packages the peer in Rust is left out, and the bench says so.
bench: build
	@scripts/setup.sh bench bench-gates
	@scripts/setup.sh bench-rust 2>&1 | grep ^setup: >&2 || true
	python3 Benchmarks/bench.py $(BENCH)

bench-gates: release
	@scripts/setup.sh bench-gates
	python3 Benchmarks/gates.py
	python3 Benchmarks/worst.py

# Optimised like the library. @testable access costs no call on a measured path.
bench-library:
	@scripts/setup.sh build bench
	BENCH_LIBRARY=1 swift build --scratch-path .build-bench -c release --product bench-library \
		-Xswiftc -enable-testing
	python3 Benchmarks/library.py $(BENCH)

bench-hotspots: build
	@scripts/setup.sh bench-gates
	python3 Benchmarks/hotspots.py $(HOTSPOTS)

public-surface:
	swift build --target CoreAPIKit
	python3 scripts/public-surface.py --write

format:
	swift format --in-place --recursive --parallel $(SOURCES)

clean:
	@scripts/stop-redis.sh
	rm -rf .build .build-* dist
	find .run -mindepth 1 -maxdepth 1 ! -name redis -exec rm -rf {} + 2> /dev/null || true
