# Every command of the repository. The first one bootstraps uv, .venv, Meltano and its plugins; later ones are quick.
# The only needs are Python >= 3.10, pip and make; PYTHON=/path/to/python3 names another interpreter.

BIN := .venv/bin
PACKAGES := tap-customerio target-customerio customerio-simulator
PYPROJECTS := pyproject.toml $(PACKAGES:%=%/pyproject.toml)
TYPED := $(foreach package,$(PACKAGES),$(package)/$(subst -,_,$(package))) demo benchmarks torture scripts
JOBS := 2

# An environment that happens to be active, or a project set up elsewhere, must not leak in.
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH MELTANO_PROJECT_ROOT
export UV_PROJECT_ENVIRONMENT := .venv
# uv trusts what pip, git and curl trust: the certificates of the machine, a company's proxy included.
export UV_SYSTEM_CERTS ?= true
# Meltano installs its plugins by uv as well: none of them is to be compiled at every start.
export UV_COMPILE_BYTECODE := true

.DEFAULT_GOAL := help
.PHONY: help install plugins demo test warehouse installations lint audit bench torture simulator settings clean

help:  ## show this list
	@sed -n 's/^\([a-z]*\):.*## /make \1|/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-16s %s\n", $$1, $$2}'

install: .venv/.synced  ## bootstrap uv and the environment .venv

.venv/.synced: uv.lock $(PYPROJECTS) scripts/bootstrap
	@scripts/bootstrap
	@touch $@

plugins: .meltano/.installed  ## install Meltano's plugins

.meltano/.installed: meltano.yml $(PYPROJECTS) .venv/.synced
	@echo "Installing Meltano's plugins into .meltano"
	@mkdir -p .meltano
	@$(BIN)/meltano --log-level=warning install --clean > .meltano/install.log 2>&1 || { cat .meltano/install.log >&2; exit 1; }
	@touch $@

demo: .meltano/.installed  ## move a Customer.io workspace out and records back in, under two minutes
	@$(BIN)/python -m demo

simulator: .venv/.synced  ## serve the local Customer.io on http://127.0.0.1:8025
	@$(BIN)/customerio-simulator serve --port 8025 --seed 7 --people 5000

test: .venv/.synced  ## run the whole suite
	@$(BIN)/pytest -n $(JOBS) --dist loadgroup

warehouse: .venv/.synced  ## run the pipelines with PostgreSQL for 100,000 people
	@TEST_PEOPLE=100000 $(BIN)/pytest tests/pipeline/test_postgres.py

installations: .venv/.synced  ## install both plugins with each of Meltano's backends on every Python of this machine
	@EVERY_INSTALLATION=true $(BIN)/pytest tests/pipeline/test_backends.py

lint: .venv/.synced  ## check style, types, dependencies, YAML and workflows
	$(BIN)/uv lock --check --quiet
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	for folder in $(TYPED); do $(BIN)/mypy --no-error-summary $$folder || exit 1; done
	for package in $(PACKAGES); do (cd $$package && ../$(BIN)/deptry .) || exit 1; done
	$(BIN)/check-jsonschema --builtin-schema vendor.meltano meltano.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/zizmor --offline --quiet .github

audit: .venv/.synced  ## ask osv.dev about known vulnerabilities in the locked dependencies
	@$(BIN)/uv audit --locked --preview-features audit-command || { status=$$?; \
		[ $$status -eq 1 ] || echo "osv.dev could not be asked, so nothing is known: try again where it can be reached." >&2; \
		exit $$status; }

# The published page shows growth up to ten million records: make bench MOST=10000000
MOST := 1000000

bench: .venv/.synced  ## measure all beside peers and floors, write benchmarks/RESULTS.md, fail if a ratio fell by a fifth
	@rm -rf .cache/bench/findings
	@status=0; for part in simulator_ceiling tap_peers target_events "growth --most $(MOST)" profiles results; do \
		$(BIN)/python -m benchmarks.$$part || status=1; \
	done; exit $$status

torture: .venv/.synced  ## try to break tap and target, for an hour or two; TORTURE="--seed 2 --rounds 10" changes it
	@$(BIN)/python -m torture $(TORTURE)

settings: .venv/.synced  ## write meltano.yml, .env.example and the tables of the READMEs from the code
	@$(BIN)/python scripts/settings.py
	@$(BIN)/python -m tests.tap.tables
	@$(BIN)/python -m tests.target.tables

clean:  ## remove what the other commands made
	rm -rf .venv .tools .meltano .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis demo-output rejected-records dist
