# SPDX-License-Identifier: BSD-2-Clause
#
# What a user runs: demo, check, check-long, bench. Included by the top Makefile.

include $(SRC)/tests/unit/unit.mk
include $(SRC)/tests/fuzz/fuzz.mk
-include $(SRC)/tests/guests/guests.mk
include $(SRC)/tests/long.mk

PYTEST := $(PYTHON) -m pytest -p no:cacheprovider --rootdir=$(SRC) $(SRC)/tests/system

demo:
	@$(SRC)/tools/setup.sh build demo
	@$(PYTHON) $(SRC)/tools/demo.py

# The layers from the quick to the slow; the first failure of a layer ends the run.
check:
	@$(SRC)/tools/setup.sh
	@$(MAKE) --no-print-directory both
	@$(MAKE) --no-print-directory check-unit
	@$(MAKE) --no-print-directory check-fuzz
	@$(PYTEST) -n 2 --dist loadgroup --durations=25

# Costs, as lines BENCH <where> <name> <value>; make bench BENCH=--readme writes them into README.md too.
bench:
	@$(SRC)/tools/setup.sh build demo
	@$(PYTHON) $(SRC)/tests/bench/bench.py $(BENCH)

.PHONY: demo check bench
