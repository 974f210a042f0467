#!/usr/bin/env bash
# The tools outside npm that some suites need: `missing [SUITE]` lists the commands that are not there, `install` gets them.
set -euo pipefail

# suite command package
table='
conformance qemu-system-riscv64 qemu-system-misc
conformance qemu-riscv64 qemu-user
conformance riscv64-linux-gnu-gcc gcc-riscv64-linux-gnu
conformance riscv64-linux-gnu-objcopy binutils-riscv64-linux-gnu
conformance xz xz-utils
browser chromium chromium
bench i686-linux-gnu-gcc gcc-i686-linux-gnu
guest bc bc
guest bison bison
guest flex flex
guest cpio cpio
guest rsync rsync
guest make make
guest patch patch
guest xz xz-utils
guest zstd zstd
'
# What has no command of its own to look for: libraries and headers.
libraries='libc6-dev-riscv64-cross libc6-dev-i386-cross libssl-dev libelf-dev'

missing() {
  while read -r suite command _; do
    if [[ -n $suite && ( -z ${1:-} || $suite == "$1" ) ]] && ! command -v "$command" > /dev/null; then echo "$command"; fi
  done <<< "$table"
}

install() {
  if ! command -v apt-get > /dev/null; then
    echo "there is no apt-get here: install by other means: $(missing | xargs)" >&2
    return 1
  fi
  if [[ $(id -u) != 0 ]]; then
    echo 'make deps installs packages: run it as root (sudo make deps)' >&2
    return 1
  fi
  # shellcheck disable=SC2046,SC2086  # lists of words
  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends \
    $(awk 'NF { print $3 }' <<< "$table" | sort -u) $libraries
}

"$@"
