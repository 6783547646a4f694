# Verbs:
#   build      the program, optimised, in .build/release (the Swift runtime linked in on Linux; PIE=yes: its code at a
#              random address, which makes each start half a millisecond longer)
#   test       install what is missing, build, run every test
#   check      lint, tests in debug and release, self-tests of the scripts: all of it, before a merge
#   demo       install what is missing, build, do the main job on a real text
#   install    PREFIX=/usr/local DESTDIR=: program, vocabularies, completions, manual page
#   uninstall  take the same files away again
#   bench      time the library on texts of several kinds, answers checked first
#   bench-peers  the same beside other tokenizers, which it installs from PyPI, in turns
#   bench-lm   the small language models beside PyTorch, the same way
#   bench-train  time training beside the trainers of other projects (PyPI; TOKENIZE_DATA)
#   fuzz       libFuzzer on splitting and encoding for SECONDS (60): engine against engine, any bytes
#   sanitize   the library's tests on every engine with the address and the thread sanitizer
#   format     rewrite the sources in the project's format
#   lint       complain about format and about imports that cross the fence
#   setup      install the system packages: PCRE2, ICU, OpenBLAS
#   clean      remove what was built

PREFIX ?= /usr/local
DESTDIR ?=

SWIFT ?= swift
RELEASE = $(shell PIE='$(PIE)' scripts/release-flags)

.DEFAULT_GOAL := build
.PHONY: build test check demo install uninstall bench bench-peers bench-lm bench-train fuzz sanitize format \
	lint setup clean

build:
	scripts/setup --check
	$(SWIFT) build $(RELEASE) --product tokenize
	.build/release/tokenize prepare --quiet --vocab vocabs/gpt2 --output .build/release/prepared

# The first build is what the tests of the program run; the second adds the tests themselves.
test: setup
	$(SWIFT) build
	$(SWIFT) test

check:
	scripts/check

demo: setup build
	scripts/demo

bench-lm: build
	scripts/bench-lm

install:
	scripts/install --prefix '$(PREFIX)' --destdir '$(DESTDIR)'

uninstall:
	scripts/install --uninstall --prefix '$(PREFIX)' --destdir '$(DESTDIR)'

bench-train: build
	scripts/bench-train

bench:
	scripts/bench

bench-peers:
	scripts/bench-peers

fuzz:
	scripts/fuzz --seconds $(or $(SECONDS),60)

sanitize:
	scripts/sanitize

format:
	$(SWIFT) format --in-place --parallel --recursive Sources Tests Package.swift

lint:
	scripts/lint

setup:
	scripts/setup

clean:
	$(SWIFT) package clean
	rm -rf .build/manual .build/peers
