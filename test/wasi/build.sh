#!/bin/sh
# Builds files.wasm anew: needs clang, lld, wasi-libc and libclang-rt-dev-wasm32 (Debian's names).
set -eu
cd "$(dirname "$0")"
clang --target=wasm32-wasi -Os -Wall -Wextra -s -o files.wasm files.c
