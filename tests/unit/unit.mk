# SPDX-License-Identifier: BSD-2-Clause
#
# Unit tests: our sources compiled for the host with ASan and UBSan, and run. The top Makefile includes this.
#
# A test is tests/unit/test_NAME.c. It says in its first comment what it is linked with, by a line
#	 * Links: xmhf/lib/e820.c xmhf/runtime/memory/ept.c
# and is then found, built and run by `make check-unit` (by `make check-unit-NAME` alone). Includes are written
# as in the hypervisor ("lib/e820.h", "memory/ept.h"); "unit.h" brings cmocka with what it needs.
# The headers of tests/unit/mock/ come first: by them privileged instructions reach the CPU of "fake_cpu.h" instead.

UNIT_SRC   := $(SRC)/tests/unit
UNIT_OUT   := $(BUILD)/unit
UNIT_CC    ?= gcc
UNIT_SAN   := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
UNIT_FLAGS := -std=gnu11 -O1 -g -fno-strict-aliasing -Wall -Wextra -Werror -Wshadow -Wno-unused-parameter $(UNIT_SAN) \
	      -I$(UNIT_SRC)/mock -I$(SRC)/xmhf -I$(SRC)/xmhf/runtime -I$(SRC)/xmhf/include -I$(UNIT_SRC) -DUNIT_TEST
UNIT_NAMES := $(patsubst $(UNIT_SRC)/test_%.c,%,$(wildcard $(UNIT_SRC)/test_*.c))
unit_links  = $(addprefix $(UNIT_OUT)/,$(patsubst %.c,%.o,$(shell sed -n 's/^ \* Links: *//p' $(1))))

check-unit: $(addprefix check-unit-,$(UNIT_NAMES))

# One line a test when all is well, the whole log when not.
$(addprefix check-unit-,$(UNIT_NAMES)): check-unit-%: $(UNIT_OUT)/test_%
	@if ASAN_OPTIONS=detect_leaks=1 $< > $<.log 2>&1; \
	then echo "PASS unit $*: $$(grep -c '\[       OK \]' $<.log) promises"; \
	else cat $<.log; echo "FAIL unit $*"; exit 1; fi

define unit_test
$(UNIT_OUT)/test_$(1): $(UNIT_OUT)/tests/unit/test_$(1).o $(call unit_links,$(UNIT_SRC)/test_$(1).c)
	@$$(UNIT_CC) $$(UNIT_SAN) -o $$@ $$^ -lcmocka
endef
$(foreach n,$(UNIT_NAMES),$(eval $(call unit_test,$(n))))

$(UNIT_OUT)/%.o: $(SRC)/%.c
	@mkdir -p $(@D)
	@$(UNIT_CC) $(UNIT_FLAGS) -MMD -MP -c -o $@ $<

-include $(shell find $(UNIT_OUT) -name '*.d' 2>/dev/null)

.PHONY: check-unit $(addprefix check-unit-,$(UNIT_NAMES))
