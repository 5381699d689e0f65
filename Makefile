# SPDX-License-Identifier: GPL-2.0-only
#
# Everything generated is below build/.  The work is done by scripts/; this file
# knows what depends on what.

# the kernel lines, or the one asked for by KERNEL=7
all_lines := 6.12 7
LINES := $(or $(KERNEL),$(all_lines))
ifneq ($(KERNEL),)
export VM_KERNEL := $(KERNEL)
endif

build := build
stamp := $(build)/stamp
jobs := $(shell nproc)
running := $(shell uname -r)

kernels := $(LINES:%=$(stamp)/kernel-%)
ifneq ($(wildcard /lib/modules/$(running)/build),)
kernels += $(foreach line,$(LINES),$(if $(filter $(line).%,$(running)),$(stamp)/running-$(line)))
endif

kernels_to_install := $(if $(DESTDIR),$(LINES:%=$(stamp)/kernel-%),\
	$(foreach line,$(LINES),$(if $(filter $(line).%,$(running)),$(stamp)/kernel-$(line))))
export DESTDIR prefix
# of one release at a time
packages := $(build)/deb/built$(DEB_SUITE:%=-%)
export DEB_SUITE

.PHONY: help build deps parts kernel tools vm demo check fuzz check-integration check-debug soak coverage patches deb install \
	install-tools uninstall bench lint clean
.DELETE_ON_ERROR:
# what was fetched is not intermediate: make would remove it
.SECONDARY:

help:	## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1|/p' Makefile | column -t -s '|'

build: deps	## fetch and build everything: module, tools, virtual machine
	@+$(MAKE) --no-print-directory -j$(jobs) parts

deps:
	@scripts/deps

parts: kernel tools vm

kernel: $(kernels)	## the kernel module only: build/kernel/LINE/erofs.ko
tools: $(stamp)/tools $(build)/bin/erofs-status	## the tools only: build/bin/{mkfs,dump,fsck}.erofs, erofs-status

vm: $(kernels)
	@scripts/vm-image

$(stamp):
	@mkdir -p $@

$(build)/kernel/%/suite: | $(stamp)
	@scripts/fetch linux-$*

$(build)/erofs-utils/version: | $(stamp)
	@scripts/fetch erofs-utils

own := $(wildcard fs/erofs/*.[ch]) fs/erofs/Kbuild
.SECONDEXPANSION:
$(stamp)/kernel-%: $(build)/kernel/%/suite $(own) scripts/build-kernel \
		scripts/apply-hooks scripts/chroot $$(wildcard fs/erofs/hooks/$$*/*)
	@+scripts/build-kernel $*
	@touch $@

$(stamp)/running-%: $(stamp)/kernel-%
	@+scripts/build-kernel --headers /lib/modules/$(running)/build $*
	@touch $@

$(stamp)/tools: $(build)/erofs-utils/version scripts/build-erofs-utils \
		scripts/apply-hooks $(shell find erofs-utils -type f)
	@+scripts/build-erofs-utils
	@touch $@

shared := $(addprefix erofs-utils/sparse/,json.c json.h text.c text.h)
$(build)/bin/erofs-status: $(wildcard status/*.[ch]) $(shared)
	@mkdir -p $(@D)
	@$(CC) -std=gnu11 -O2 -g -Wall -Wextra -Werror -Ierofs-utils/sparse -o $@ $(filter %.c,$^)

demo: build	## the main job, end to end, on a real template
	@scripts/demo

check: build	## half an hour of tests: all but those of the next two
	@tests/run

check-integration: build	## tests that take longer: whole machines inside the VM
	@tests/run integration

check-debug: build	## the kernel tests under kernels that check themselves
	@+for line in $(LINES); do scripts/build-debug-kernel $$line || exit; done
	@VM_KERNEL="$(LINES:%=%-debug)" tests/run kernel kernel-debug

fuzz: build	## the fuzzers, for FUZZ_SECONDS each (20)
	@tests/run fuzz

patches: build	## our changes as series for "git am": build/patches
	@scripts/patches

deb: deps	## Debian packages of module and tools: build/deb
	@+$(MAKE) --no-print-directory -j$(jobs) $(packages)

$(packages): $(all_lines:%=$(stamp)/kernel-%) $(stamp)/tools fs/erofs/dkms.conf \
		scripts/build-deb scripts/dkms-source $(wildcard debian/* status/* erofs-utils/completion/*)
	@scripts/build-deb
	@touch $@

# the module goes to the running kernel, through DKMS; with DESTDIR nothing is run
install:	## install the module, by DKMS, and the tools (DESTDIR, prefix)
	@scripts/install --check
	@+$(MAKE) --no-print-directory deps tools $(kernels_to_install)
	@scripts/install

install-tools: tools	## install the tools only
	@scripts/install --tools

uninstall:	## remove what "make install" installed
	@scripts/install --uninstall

soak: build	## hostile processes, damaged images, stress and faults for HOURS (1)
	@+for kernel in $(LINES:%=%-debug) $(LINES:%=%-kcsan); do \
		scripts/build-debug-kernel $$kernel || exit; done
	@SOAK_KERNELS="$(LINES:%=%-debug) $(LINES:%=%-kcsan)" tests/soak $(or $(HOURS),1)

coverage: build	## lines of our code that the tests run: table here, HTML in build/coverage
	@+tests/coverage $(LINES)

bench: build	## measurements: tables here, CSV in build/bench
	@for bench in tests/bench/*.bench; do $$bench || exit; done

lint:	## checkpatch, shellcheck and friends on our own files
	@scripts/lint

clean:	## remove what was built, keep what was downloaded
	@find $(build) -mindepth 1 -maxdepth 1 ! -name dl -exec rm -rf {} +
