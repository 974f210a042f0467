#!/usr/bin/env bash
# Gets the kernel that Debian's trixie installs on riscv64, and prints its package file's path. Usage: debian-kernel.sh FOLDER
# SOURCE=FILE and MIRROR=URI mean what they mean to make guest.
set -euo pipefail

mkdir -p "$1"
BUILD=$(cd "$1" && pwd)
export LC_ALL=C
# The newest, whichever that is: an unmodified kernel of somebody else's is what is wanted.
# shellcheck disable=SC2034  # fetch.sh reads it
LATEST=1

say() { echo "debian-kernel: $*" >&2; }
fail() {
    say "$*"
    exit 1
}
sha256_of() { sha256sum <"$1" | cut -d' ' -f1; }

# shellcheck source=../../guest-images/scripts/fetch.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../guest-images/scripts/fetch.sh"

if [ -n "${SOURCE:-}" ]; then
    [ -e "$SOURCE" ] || fail "SOURCE: no file $SOURCE"
    echo "$SOURCE"
    exit
fi
open_mirror
# linux-image-riscv64 is an empty package that depends on the present kernel's.
package=$(private_apt apt-cache depends linux-image-riscv64 | awk '$1 == "Depends:" { print $2; exit }')
[ -n "$package" ] || fail "the mirror's linux-image-riscv64 names no kernel"
obtain "$package" '' riscv64 ''
