# SPDX-License-Identifier: BSD-2-Clause
#
# Fuzzers: one libFuzzer target a parser, with ASan and UBSan. The top Makefile includes this.
#
# A target is tests/fuzz/fuzz_NAME.c; the line " * Links: …" in its first comment works as in tests/unit/unit.mk.
# `make check-fuzz` gives each a fixed number of runs from a fixed seed, a few seconds; `make check-fuzz-long` gives
# each FUZZ_SECONDS and keeps what it learned in $(BUILD)/fuzz/corpus. What broke one lies in $(BUILD)/fuzz/NAME-*;
# `$(BUILD)/fuzz/fuzz_NAME FILE` shows it again.

FUZZ_SRC     := $(SRC)/tests/fuzz
FUZZ_OUT     := $(BUILD)/fuzz
FUZZ_CC      ?= clang
FUZZ_RUNS    ?= 40000
FUZZ_RUNS_acpi ?= 8000
FUZZ_RUNS_mptable ?= 10000
FUZZ_RUNS_e820 ?= 15000
FUZZ_RUNS_ept02 ?= 700
FUZZ_RUNS_vmcs12 ?= 8000
FUZZ_SECONDS ?= 300
FUZZ_FLAGS   := -std=gnu11 -O1 -g -fno-strict-aliasing -Wall -Wextra -Werror -Wshadow -Wno-unused-function \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
		-I$(SRC)/xmhf -I$(SRC)/xmhf/runtime -I$(SRC)/xmhf/include -I$(FUZZ_SRC) -I$(SRC)/tests/unit
FUZZ_NAMES   := $(patsubst $(FUZZ_SRC)/fuzz_%.c,%,$(wildcard $(FUZZ_SRC)/fuzz_*.c))
fuzz_links    = $(addprefix $(FUZZ_OUT)/,$(patsubst %.c,%.o,$(shell sed -n 's/^ \* Links: *//p' $(1))))

check-fuzz: $(addprefix check-fuzz-,$(FUZZ_NAMES))
check-fuzz-long: $(addprefix check-fuzz-long-,$(FUZZ_NAMES))

# Called with the fuzzer's name and its arguments: one line when all is well, the log's end when not.
fuzz_run = @if $(FUZZ_OUT)/fuzz_$(1) -seed=1 -max_len=4096 -len_control=0 -artifact_prefix=$(FUZZ_OUT)/$(1)- $(2) \
	> $(FUZZ_OUT)/fuzz_$(1).log 2>&1; \
	then echo "PASS fuzz $(1): $$(sed -n 's/^Done \([0-9]* runs in [0-9]* second\).*/\1/p' $(FUZZ_OUT)/fuzz_$(1).log)s"; \
	else tail -n 60 $(FUZZ_OUT)/fuzz_$(1).log; echo "FAIL fuzz $(1)"; exit 1; fi

$(addprefix check-fuzz-,$(FUZZ_NAMES)): check-fuzz-%: $(FUZZ_OUT)/fuzz_%
	$(call fuzz_run,$*,-runs=$(or $(FUZZ_RUNS_$*),$(FUZZ_RUNS)))

$(addprefix check-fuzz-long-,$(FUZZ_NAMES)): check-fuzz-long-%: $(FUZZ_OUT)/fuzz_%
	@mkdir -p $(FUZZ_OUT)/corpus/$*
	$(call fuzz_run,$*,-max_total_time=$(FUZZ_SECONDS) $(FUZZ_OUT)/corpus/$*)

define fuzz_target
$(FUZZ_OUT)/fuzz_$(1): $(FUZZ_OUT)/tests/fuzz/fuzz_$(1).o $(call fuzz_links,$(FUZZ_SRC)/fuzz_$(1).c)
	@$$(FUZZ_CC) $$(FUZZ_FLAGS) -o $$@ $$^
endef
$(foreach n,$(FUZZ_NAMES),$(eval $(call fuzz_target,$(n))))

$(FUZZ_OUT)/%.o: $(SRC)/%.c
	@mkdir -p $(@D)
	@$(FUZZ_CC) $(FUZZ_FLAGS) -MMD -MP -c -o $@ $<

-include $(shell find $(FUZZ_OUT) -name '*.d' 2>/dev/null)

.PHONY: check-fuzz check-fuzz-long $(addprefix check-fuzz-,$(FUZZ_NAMES)) $(addprefix check-fuzz-long-,$(FUZZ_NAMES))
