# run: start the dashboard    test: every test but the benchmarks    check: format, lint, types, test
# bench: speed and memory     demo: make the shipped developments again, in build/demo (hours)

PYTHON := .venv/bin/python
ONTOGENY := $(PYTHON) -m compute.cli
CONTENT := pyproject.toml constraints.txt setup.sh
DEMO ?= build/demo
DEVELOPMENTS := stdlib_lm attention_only icl_regression \
    icl_regression_batch64 icl_regression_batch64_seed2 icl_regression_batch64_seed3

.PHONY: run test check bench demo
.DELETE_ON_ERROR:

run: .venv/ready-to-run
	$(PYTHON) app.py $(ARGS)

test: .venv/ready-to-test
	CHROMIUM="$$(cat .venv/chromium)" OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(PYTHON) -m pytest \
	    -m "not bench" --numprocesses auto --maxprocesses 4 --dist loadfile $(ARGS)

check: .venv/ready-to-test
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	$(MAKE) test

bench: .venv/ready-to-test
	$(PYTHON) -m pytest -m bench -s tests/benchmarks/bench_*.py $(ARGS)

demo: .venv/ready-to-run
	set -e; for name in $(DEVELOPMENTS); do \
	    $(ONTOGENY) train $$name --runs-folder $(DEMO)/runs --data $(DEMO)/store; \
	    $(ONTOGENY) compute $$name --data $(DEMO)/store; \
	    case $$name in icl_*) own=shift;; *) own=context;; esac; \
	    $(ONTOGENY) compute $$name --kinds $$own,structure,outputs --data $(DEMO)/store; \
	    $(ONTOGENY) export $$name $(DEMO)/data/$$name --data $(DEMO)/store; \
	done

.venv/ready-to-run: $(CONTENT)
	./setup.sh run
	touch $@

.venv/ready-to-test: $(CONTENT)
	./setup.sh test
	touch $@ .venv/ready-to-run
