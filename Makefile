# Every target first brings .venv and the Cython extensions up to date, so that a
# fresh clone needs nothing but Python, a C compiler and make.
PYTHON ?= python3
VENV := .venv/bin/python
# Tests: "loadgroup" keeps the tests that share one running platform on one worker.
ARGS ?=

.PHONY: help run test lint bench lock clean
.DEFAULT_GOAL := help

help:
	@echo "make run    the whole platform with its demo desk   [ACCOUNTS=200] [REPLAY=path]"
	@echo "make test   all tests                               [ARGS=\"-k gate\"]"
	@echo "make lint   ruff, mypy, import layers, Django's checks"
	@echo "make bench  the figures, into bench.json            [ONLY=id,id]"
	@echo "make lock   write the requirements' locks anew from the .in files"
	@echo "make clean  forget what was built and the demo desk (var/, build/, caches)"

run:
	@$(PYTHON) mexoms/bootstrap.py
	@exec $(VENV) -m mexoms.supervisor \
		$(if $(ACCOUNTS),--accounts "$(ACCOUNTS)") $(if $(REPLAY),--replay "$(REPLAY)")

test:
	@$(PYTHON) mexoms/bootstrap.py --dev
	@$(VENV) -m pytest -n 2 --dist loadgroup $(ARGS)

lint:
	@$(PYTHON) mexoms/bootstrap.py --dev
	$(VENV) -m ruff check .
	$(VENV) -m ruff format --check .
	$(VENV) -m mypy .
	$(VENV) -c "from importlinter.cli import lint_imports_command as lint; lint()"
	$(VENV) manage.py check
	$(VENV) manage.py makemigrations --check --dry-run

bench:
	@$(PYTHON) mexoms/bootstrap.py --dev
	@$(VENV) -m benchmarks $(if $(ONLY),$(ONLY))

lock:
	@$(PYTHON) mexoms/bootstrap.py
	for name in requirements requirements-dev requirements-clients; do \
		.venv/bin/uv pip compile --quiet --upgrade --generate-hashes --no-header --no-annotate \
			--python-version 3.11 $$name.in --output-file $$name.lock || exit 1; done

# A running platform would lose its database under its feet, so it is asked first.
clean:
	@$(PYTHON) mexoms/supervisor/home_lock.py var
	rm -rf var build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache bench.json
	find accounts risk trading strategies backtests venues -name "*.so" -delete
