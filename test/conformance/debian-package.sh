#!/usr/bin/env bash
# Gets a package NAME of Debian's trixie for riscv64, or for ARCHITECTURE, the newest unless one is there, and prints its file's path.
# Usage: debian-package.sh FOLDER NAME [ARCHITECTURE]
# MIRROR=URI means what it means to make guest.
set -euo pipefail

mkdir -p "$1"
BUILD=$(cd "$1" && pwd)
export LC_ALL=C
# shellcheck disable=SC2034  # fetch.sh reads it
LATEST=1

say() { echo "debian-package: $*" >&2; }
fail() {
    say "$*"
    exit 1
}
sha256_of() { sha256sum <"$1" | cut -d' ' -f1; }

# shellcheck source=../../guest-images/scripts/fetch.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../guest-images/scripts/fetch.sh"

ARCHITECTURE=${3:-riscv64}
for file in "$BUILD/packages/$2"_*_"$ARCHITECTURE".deb; do
    if [ -e "$file" ]; then
        echo "$file"
        exit
    fi
done
obtain "$2" '' "$ARCHITECTURE" ''
