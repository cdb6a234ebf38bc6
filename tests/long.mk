# SPDX-License-Identifier: BSD-2-Clause
#
# Long tests: `make check-long` runs all, `make check-long-NAME` one target of at most 40 minutes. Each run adds a
# line to tests/long-runs.md, which is committed, so that it is known what ran at which commit; what it said is kept
# in $(BUILD)/long/COMMIT/TARGET.log.
#
# A system test marked long("NAME") belongs to check-long-NAME; name new ones in LONG_GROUPS.

LONG_GROUPS := debian smp4 systemd reboot bare build lhv kvm kvm-smp kvm-variants kvm-models kvm-i386 kvm-bench boot-share seeds-64 \
	       seeds-32 seeds-i386 misbehave nesting nesting-diff-64 nesting-diff-32 nesting-lhv nesting-deep under-kvm under-kvm-guests
LONG_SECONDS := 2400
LONG_JOBS   := 2
# The fuzzers run one after the other and share 30 minutes, however many they are; 10 are left for building them.
# (`make`, not its variable: make -n would run and note it.)
LONG_FUZZ_SECONDS := $(shell expr 1800 / $(words $(FUZZ_NAMES)))
long_run     = @$(PYTHON) $(SRC)/tests/long_run.py --logs $(BUILD)/long $@ $(LONG_SECONDS)

LONG_TARGETS := $(addprefix check-long-,$(LONG_GROUPS) fuzz)

check-long: $(LONG_TARGETS)

$(addprefix check-long-,$(LONG_GROUPS)): check-long-%:
	@$(SRC)/tools/setup.sh
	$(long_run) $(PYTEST) -n $(LONG_JOBS) --long=$*

check-long-fuzz:
	@$(SRC)/tools/setup.sh
	$(long_run) make --no-print-directory check-fuzz-long FUZZ_SECONDS=$(LONG_FUZZ_SECONDS)

# How each of them last ended, and whether that was with the sources of HEAD: it fails else.
check-long-status:
	@$(PYTHON) $(SRC)/tests/long_status.py $(LONG_TARGETS)

.PHONY: check-long check-long-status $(LONG_TARGETS)
