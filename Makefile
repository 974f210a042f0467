# vm9: `make` alone lists what can be made.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# What is run here keeps its booted machines here.
export VM9_CACHE ?= $(CURDIR)/dist/cache

installed := node_modules/.installed
results := dist/test-results
sources := $(shell find src devices -name '*.ts') platform.d.ts build.js package.json
vitest := npx vitest run --reporter=default --reporter=json

.PHONY: help run web dist test deps conformance soak fuzz bench build guest debian check

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 20

run: $(installed) dist/cli.cjs ## boot Linux here, with this folder inside
	@exec node run-vm.js --share .

web: dist ## serve the page on localhost (PORT=N), and print its address
	@exec node scripts/serve.js dist/web $(PORT)

dist: $(installed) dist/cli.cjs ## build the page into dist/web/, for any static host
	@node scripts/build-site.js dist/web

build: $(installed) dist/cli.cjs ## bundle into dist/, with the types
	@npx tsc -b

# Side by side: each runner spends much of its time waiting, for a machine, a browser, or a file system.
test: tools build ## check types, lint and format, run the unit, boot and browser tests: at most five minutes
	@rm -rf $(results)
	mkdir -p $(results)
	missing="$$(scripts/tools.sh missing browser | xargs)"
	suites='boot'
	if [[ -z $$missing ]]; then suites+=' browser page'; fi
	for suite in $$suites; do
	  $(vitest) --project $$suite --outputFile.json=$(results)/$$suite.json > $(results)/$$suite.log 2>&1 &
	done
	checked=0; $(MAKE) check || checked=$$?
	# One worker fewer would leave a processor idle when the other suites have ended.
	$(vitest) --project node --project pure --project collecting --maxWorkers=100% --outputFile.json=$(results)/node.json || true
	wait
	for suite in $$suites; do cat $(results)/$$suite.log; done
	if [[ -n $$missing ]]; then echo 'not run: browser (make deps)'; fi
	node scripts/count-results.js $$(printf '$(results)/%s.json ' node $$suites) && exit $$checked

# What needs no test runner.
check: $(installed)
	@echo 'lint'; npm run --silent lint
	echo 'format'; npm run --silent format:check
	echo 'unused files, exports and dependencies'; npx knip
	echo 'the package'; npx publint --strict
	node scripts/size-report.js

conformance: tools build ## compare the processor with QEMU, boot other kernels, run the long tests (needs make deps)
	@missing="$$(scripts/tools.sh missing conformance | xargs) $$(scripts/tools.sh missing browser | xargs)"
	if [[ -n $${missing// } ]]; then
	  echo "not run: conformance, for want of $$missing (make deps)"
	  exit 0
	fi
	rm -f $(results)/conformance.json
	$(vitest) --project conformance --outputFile.json=$(results)/conformance.json || true
	node scripts/count-results.js $(results)/conformance.json

soak: ## conformance with full counts: hours
	@VM9_SCALE=full $(MAKE) conformance

fuzz: $(installed) ## fuzz the 9P server and the virtqueue: SECONDS=N, SEED=N; what it finds is kept in test/fuzz/corpus
	@node test/fuzz/run.js '$(SECONDS)' '$(SEED)'

bench: tools build ## print MIPS, boot time and requests per second, beside QEMU's
	@node test/bench/run.js

deps: ## install the tools that some suites need, with apt
	@scripts/tools.sh install

guest: ## build the guest images anew (SOURCE=FILE or LATEST=1: another kernel source)
	@SOURCE='$(SOURCE)' LATEST='$(LATEST)' guest-images/build.sh

debian: $(installed) dist/cli.cjs ## make a Debian for the guest, with gcc, python3 and git: DIR=FOLDER (PACKAGES="NAME ...": more)
	@DIR='$(DIR)' PACKAGES='$(PACKAGES)' scripts/debian/build.sh

dist/cli.cjs: $(installed) $(sources)
	@node build.js
	touch dist/cli.cjs

$(installed): package.json package-lock.json guest-images/package.json
	@npm ci --no-audit --no-fund --loglevel=error
	touch $(installed)

# Installs missing tools where that can be done without asking.
.PHONY: tools
tools:
	@if [[ -n "$$(scripts/tools.sh missing conformance; scripts/tools.sh missing browser)" && $$(id -u) == 0 ]] && command -v apt-get > /dev/null; then
	  scripts/tools.sh install || echo 'the tools could not be installed: some suites will not run'
	fi
