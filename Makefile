# Everything that a person or a machine does in this repository. `make` alone lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup setup-test demo test check types lint unit system golden web boot compare limits interrupt test-formats reproduce test-arm64 test-suites deb repo test-deb bench clean

NPM := npm run --silent
PACKAGES := node_modules/.package-lock.json

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what is missing (apt packages, npm packages) and bundle the command line
	@scripts/setup

demo: setup ## build a Debian machine, boot it, log in to it
	@scripts/demo

test: setup-test types lint unit system golden web boot compare limits ## install what is missing, then every test

check: types lint unit ## the fast tests: types, lint, unit

compare: $(PACKAGES) ## compare a tree with mmdebstrap's, file by file
	@npx vitest run --project comparison

limits: $(PACKAGES) ## build as an ordinary user, on disks that are too small, for a libvirt elsewhere
	@npx vitest run --project interrupt test/interrupt/ordinary-user.test.ts test/interrupt/disk-full.test.ts test/interrupt/remote-libvirt.test.ts test/interrupt/convert.test.ts

interrupt: $(PACKAGES) ## stop builds, up and clone at every stage, by every signal: ten minutes
	@npx vitest run --project interrupt test/interrupt/interrupt.test.ts test/interrupt/machines.test.ts

test-formats: $(PACKAGES) ## boot every disk format from its hypervisor's controller, by BIOS and UEFI: half an hour
	@npx vitest run --project formats

reproduce: $(PACKAGES) ## build one machine under many circumstances and compare the bytes: ten minutes
	@npx vitest run --project reproduce

test-arm64: ## build an arm64 machine on this host and boot it, emulated: ten minutes; SUITE=sid for another suite
	@scripts/setup --arm64
	@npx vitest run --project arm64

.PHONY: test-riscv64
test-riscv64: ## build a riscv64 machine on this host and boot it, emulated: half an hour; SUITE=sid for another suite
	@scripts/setup --riscv64
	@npx vitest run --project riscv64

test-suites: setup-test ## build and boot a machine of each Debian suite: half an hour; SUITES="bullseye sid" for some
	@npx vitest run --project suites
	@cat build/reports/suites.md

.PHONY: test-recipes
test-recipes: setup-test ## build and boot every recipe that comes with vmbuilder: an hour; RECIPES="lamp mail" for some
	@npx vitest run --project recipes
	@cat build/reports/recipes.md

bench: setup-test ## time builds against mmdebstrap: half an hour; TMPDIR says where
	@set -e; for name in cold warm addpkg clone clones convert memory steps boot exec restore server; do bench/$$name; done

.PHONY: docs
docs: $(PACKAGES) ## the documentation as static pages, into dist/docs
	@scripts/docs/site

.PHONY: pictures
pictures: setup-test ## record the terminal and the page anew, into docs/pictures: three minutes
	@node_modules/.bin/node scripts/pictures/record.ts
	@VMBUILDER_HOST_SETTINGS=none node_modules/.bin/node scripts/pictures/page.ts

deb: setup ## Debian packages of this commit, into dist/
	@scripts/deb

.PHONY: npm-package
npm-package: $(PACKAGES) ## an npm package of this commit, into dist/
	@npm pack --ignore-scripts=false --silent --pack-destination dist

repo: ## a signed apt repository of those packages, into dist/repo: KEY=ID of gpg
	@scripts/repo "$(KEY)"

test-deb: ## install, upgrade, remove and purge the packages in machines, and build one there: an hour without KVM
	@scripts/setup --deb
	@npx vitest run --project deb

.PHONY: appliance
appliance: setup ## a machine whose web page makes machines, into dist/appliance; FORMATS="qcow2 ova" for some disks
	@scripts/appliance

.PHONY: test-appliance
test-appliance: setup-test ## build the appliance, and inside it a machine, which is booted: an hour without KVM
	@npx vitest run --project appliance
	@cat build/reports/appliance.md

clean: ## remove what was built here (not node_modules, not the cache of builds)
	rm -rf build dist .dist-*

.PHONY: test-storage
test-storage: setup-test ## build and boot every kind of storage: half an hour
	@npx vitest run --project storage

.PHONY: test-upgrade
test-upgrade: setup-test ## upgrade a machine from bookworm to trixie, and others that fail: an hour
	@npx vitest run --project upgrade

.PHONY: test-machines
test-machines: setup-test ## clone twenty machines and run five at once, booted and from memory: ten minutes without KVM
	@npx vitest run --project machines
	@cat build/reports/machines.md

.PHONY: test-served
test-served: setup-test ## boot a machine under the server and log in to it in the page: five minutes without KVM
	@npx vitest run --project served

.PHONY: test-walk
test-walk: setup-test ## do what the tutorial and the page of machines say, command by command: ten minutes without KVM
	@npx vitest run --project walk

.PHONY: test-sources
test-sources: setup-test ## build from an ISO image and a folder, without network, and from a PPA; boot both: ten minutes
	@npx vitest run --project sources

setup-test:
	@rm -rf build/reports
	@scripts/setup --test

types: $(PACKAGES)
	@$(NPM) types

lint: $(PACKAGES)
	@$(NPM) lint

unit: $(PACKAGES)
	@$(NPM) test:unit

system golden web boot: $(PACKAGES)
	@if [ -d test/$@ ]; then $(NPM) test:$@; else echo "no test/$@ yet"; fi

$(PACKAGES): package-lock.json
	@scripts/npm-packages
