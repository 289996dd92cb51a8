# Every target sets up what it needs by itself: `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help book lab serve pdf class test refresh bench weights test-colab clean style unit notebooks

# The first Python that runs, is new enough and can make an environment.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' \
	2>/dev/null && echo $$p && break; done)

BIN := .venv/bin
PORT := 8000
JUPYTERLAB := jupyterlab==4.6.6
COLAB := .venv-colab/bin
PIP_INSTALL := -m pip install -qq --disable-pip-version-check
NBVAL := -m pytest -q --nbval --nbval-current-env --nbval-cell-timeout=600 \
	--nbval-sanitize-with=tests/sanitize.cfg -n 2 --dist loadscope

# One thread, as in `make refresh`: two would add in another order.
export OMP_NUM_THREADS := 1
export MKL_NUM_THREADS := 1

help:  ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | \
		awk -F ':.*## ' '{printf "make %-12s %s\n", $$1, $$2}'

book: .venv/.installed  ## build the book into _build/html
	@$(BIN)/python tools/book/page_sampler.py
	@echo "book: building the pages, warnings are errors"
	@log=$$($(BIN)/jupyter-book build . --all -W -n --keep-going -q 2>&1) \
		|| { echo "$$log"; exit 1; }
	@echo "book: open file://$(CURDIR)/_build/html/index.html"

test: style book unit notebooks  ## everything a change must pass
	@echo "test: style, book, module and pages, notebooks: all passed"

style: .venv/.installed  ## a part of test: the form of the code
	@echo "style: ruff"
	@$(BIN)/ruff check -q .
	@$(BIN)/ruff format -q --check .

unit: .venv/.installed  ## a part of test: the module and the built pages
	@echo "unit: the module, the project and the built pages"
	@$(BIN)/python -m pytest -q -rfEs -n 2 --dist loadgroup \
		--no-loadscope-reorder tests  # the browser's first: they take longest

notebooks: .venv/.installed  ## a part of test: every cell, run and compared
	@echo "notebooks: every cell again, outputs compared"
	@$(BIN)/python $(NBVAL) book

lab: .venv/.lab-installed  ## open the notebooks in JupyterLab
	@$(BIN)/jupyter lab book

serve: book  ## the built book on localhost, with its sampler
	@echo "serve: http://localhost:$(PORT)/ (Ctrl-C ends it)"
	@$(BIN)/python -m http.server $(PORT) --bind 127.0.0.1 -d _build/html

pdf: book  ## bind the whole book into _build/diffusion_lessons.pdf
	@echo "pdf: printing every page"
	@$(BIN)/python tools/book/pdf.py

class: .venv/.installed  ## what a teacher gives out, into _build/class
	@$(BIN)/python tools/release/class_folder.py

refresh: .venv/.installed  ## run the notebooks and write their outputs
	@echo "refresh: running every notebook"
	@$(BIN)/python tools/book/refresh.py book/*.ipynb

bench: .venv/.bench-installed  ## measure beside peers (TOPICS=all: hours)
	@echo "bench: measuring"
	@$(BIN)/python -m benchmarks $(TOPICS)

weights: .venv/.installed  ## train the shipped networks again (an hour; MNIST)
	@echo "weights: training"
	@$(BIN)/python tools/release/weights.py all

test-colab: .venv-colab/.installed  ## the notebooks with Colab's versions
	@echo "test-colab: installing the module has replaced nothing of Colab's"
	@$(COLAB)/python tools/release/colab_versions.py requirements-colab.txt
	@$(COLAB)/python -m pip check --disable-pip-version-check
	@echo "test-colab: every cell again, outputs compared"
	@PYDEVD_DISABLE_FILE_VALIDATION=1 $(COLAB)/python $(NBVAL) \
		book tests/test_live.py
	@echo "test-colab: versions, notebooks: all passed"

clean:  ## remove what was built and installed
	rm -rf _build .venv .venv-colab *.egg-info .pytest_cache .ruff_cache

# Installed once; again only when the list of tools or the package changes.
# matplotlib lists the fonts here, so that no notebook warns about it later.
.venv/.installed: requirements.txt pyproject.toml
	@$(require-python)
	@echo "setup: $(PYTHON) installs requirements.txt into .venv (minutes)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python $(PIP_INSTALL) -r requirements.txt
	@$(BIN)/python -c "import matplotlib.font_manager"
	@touch $@

# For a reader who wants to run the chapters; nothing of ours needs it.
.venv/.lab-installed: .venv/.installed
	@echo "setup: $(JUPYTERLAB) into .venv"
	@$(BIN)/python $(PIP_INSTALL) $(JUPYTERLAB)
	@touch $@

# The peers, in the same environment, only when they are measured.
.venv/.bench-installed: requirements-bench.txt .venv/.installed
	@echo "setup: requirements-bench.txt into .venv"
	@$(BIN)/python $(PIP_INSTALL) -r requirements-bench.txt
	@touch $@

.venv-colab/.installed: requirements-colab.txt pyproject.toml
	@$(require-python)
	@echo "setup: $(PYTHON) installs Colab's versions into .venv-colab (minutes)"
	@$(PYTHON) -m venv .venv-colab
	@$(COLAB)/python $(PIP_INSTALL) -r requirements-colab.txt
	@$(COLAB)/python $(PIP_INSTALL) -e .
	@$(COLAB)/python -c "import matplotlib.font_manager"
	@touch $@

define require-python
	test -n "$(PYTHON)" || { echo "Python 3.11 or newer with venv is needed: \
	install one (on Debian also python3-venv), or name it: \
	make PYTHON=/path/to/python3" >&2; exit 1; }
endef
