# Front door. Everything here is a line or two over cmake, ctest and scripts/; see CONTRIBUTING.md.

BUILD   ?= build
PREFIX  ?= /usr/local
DESTDIR ?=
JOBS    ?= $(shell nproc)

.NOTPARALLEL:
.PHONY: build help setup setup-build setup-test setup-full setup-bench setup-deb setup-lint configure demo test test-full \
        bench bench-library setup-bench-library install deb lint format clean

build: configure
	@cmake --build $(BUILD) -j $(JOBS)

help:
	@echo 'make             build $(BUILD)/bin/loam and $(BUILD)/lib/libloam.so'
	@echo 'make setup       install from Debian what building and testing need (as root)'
	@echo 'make demo        set up, build, run a real program under loam, check a service that has bugs, write a report page'
	@echo 'make test        set up, build, run the fast tests and the house rules (under 10 minutes)'
	@echo 'make test-full   everything: storms, matrices, sanitizer builds; log in $(BUILD)/test-full.log'
	@echo 'make bench       set up, build, compare with the other mallocs of Debian'
	@echo 'make bench-library  the managers and the collected heap of the library beside those of others'
	@echo 'make install     PREFIX=$(PREFIX), DESTDIR=$(DESTDIR)'
	@echo 'make deb         build a Debian package in $(BUILD)/'
	@echo 'make lint        clang-format, clang-tidy, cppcheck, both compilers with warnings as errors'
	@echo 'make format      rewrite the sources with clang-format'
	@echo 'make clean       remove the build directories of the presets'
	@echo 'variables: BUILD, JOBS, PREFIX, DESTDIR'

setup: setup-test
setup-build:
	@scripts/setup.sh build
setup-test:
	@scripts/setup.sh build test
setup-full:
	@scripts/setup.sh build test full lint bench
setup-deb:
	@scripts/setup.sh build deb
setup-bench:
	@scripts/setup.sh build bench
setup-bench-library:
	@scripts/setup.sh build bench-library
setup-lint:
	@scripts/setup.sh build lint

configure:
	@[ -f $(BUILD)/build.ninja ] || cmake --preset release -B $(BUILD) --log-level=WARNING

demo: setup-build configure
	@cmake --build $(BUILD) -j $(JOBS) --target loam --target examples
	@echo
	PYTHONMALLOC=malloc $(BUILD)/bin/loam run --stats -- /usr/bin/python3 examples/demo/word_index.py
	@echo
	$(BUILD)/bin/loam check --keep-going --exit-code 0 -- $(BUILD)/bin/examples/service --demo
	@echo
	PYTHONMALLOC=malloc $(BUILD)/bin/loam record --output $(BUILD)/demo.loam -- /usr/bin/python3 examples/demo/word_index.py
	$(BUILD)/bin/loam report $(BUILD)/demo.loam --output $(BUILD)/demo.html

test: setup-test build
	@cd $(BUILD) && ctest -L '^(fast|meta)$$' -j $(JOBS) --output-on-failure --timeout 300

test-full: setup-full
	@BUILD=$(BUILD) JOBS=$(JOBS) scripts/test-full.sh

bench: setup-bench build
	@$(BUILD)/bin/loam bench

# Configured anew: the peers may have come since.
bench-library: setup-bench-library configure
	@cmake $(BUILD) >/dev/null && cmake --build $(BUILD) -j $(JOBS) --target bench-library gc-shapes
	@$(BUILD)/bench/bench-library --benchmark_repetitions=5 --benchmark_enable_random_interleaving=true --benchmark_report_aggregates_only=true
	@python3 -B bench/gc/run.py $(BUILD)

install: build
	@DESTDIR=$(DESTDIR) cmake --install $(BUILD) --prefix $(PREFIX)

deb: setup-deb
	@BUILD=$(BUILD) JOBS=$(JOBS) scripts/deb.sh

lint: setup-lint
	@JOBS=$(JOBS) scripts/lint.sh

format: setup-lint
	@scripts/sources.sh | xargs clang-format-19 -i

clean:
	@rm -rf $(BUILD) build-debug build-asan build-ubsan build-tsan build-coverage build-clang build-deb build-lint
