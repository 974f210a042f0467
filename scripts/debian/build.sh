#!/usr/bin/env bash
# Makes a Debian 13 (trixie) system for riscv64, to be a guest's root. Usage: make debian DIR=FOLDER
#
#   PACKAGES="NAME ..."  more packages than those in packages.sh
#   MIRROR=URI           a Debian mirror, if apt on this machine uses none
#   BUILD=FOLDER         where apt's lists and the packages are kept (180 MB); guest-images/build/debian-tree without it
#
# Nothing of the packages is executed here: their scripts run in the guest. DIR is there as a whole or not at all: everything happens
# in DIR.unfinished, where a run goes on that was interrupted. Root is not needed: files belong to who runs this, as far as the
# host is concerned; other owners are kept in extended attributes.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export LC_ALL=C TZ=UTC
umask 022

say() { echo "debian: $*" >&2; }
fail() {
  say "$*"
  exit 1
}
sha256_of() { sha256sum < "$1" | cut -d' ' -f1; }

if [[ -z ${DIR:-} ]]; then
  say 'where to? make debian DIR=FOLDER'
  exit 2
fi
# What the finished tree has, and what is found in no other folder.
mark=.vm9-debian
DIR=$(realpath -m -- "$DIR")
work=$DIR.unfinished
tree=$work/tree

# shellcheck source=settle.sh
. "$HERE/settle.sh"

if [[ -e $DIR/$mark ]]; then
  [[ -e $DIR/etc/shadow ]] || fail "$DIR was never configured, as trees of earlier versions were not: remove it, or give another folder"
  for package in ${PACKAGES:-}; do
    grep -q "^$package " "$DIR/$mark" || fail "$DIR is there already, without $package: give another folder, or remove it"
  done
  install_own "$DIR"
  say "$DIR is there already, with $(wc -l < "$DIR/$mark") packages"
  exit
fi
[[ ! -e $DIR || -d $DIR ]] || fail "$DIR is no folder"
[[ ! -e $DIR || -z $(ls -A -- "$DIR") ]] || fail "$DIR has other files in it: give a new or an empty folder"
[[ ! -e $work || -e $work/$mark || -z $(ls -A -- "$work") ]] || fail "$work is in the way, and is none of an earlier run"

missing=
for tool in apt-get apt-cache dpkg-deb tar awk flock sha256sum node; do
  command -v $tool > /dev/null || missing+=" $tool"
done
[[ -z $missing ]] || fail "not installed:$missing (make debian gets its packages with the apt of Debian and its relatives)"

mkdir -p -- "$work" || fail "$work cannot be made"
exec 8< "$work"
flock -n 8 || fail "another make debian is making $DIR"
touch "$work/$mark"
# Else it would be copied instead of renamed.
[[ ! -e $DIR || $(stat -c %d -- "$DIR") == "$(stat -c %d -- "$work")" ]] ||
  fail "$DIR is a file system of its own: give a new folder in it"

BUILD=${BUILD:-$HERE/../../guest-images/build/debian-tree}
mkdir -p "$BUILD"
BUILD=$(cd "$BUILD" && pwd)

# shellcheck source=packages.sh
. "$HERE/packages.sh"
# shellcheck source=unpack.sh
. "$HERE/unpack.sh"
# shellcheck source=configure.sh
. "$HERE/configure.sh"

list=$work/packages
get_packages "$list" "$work"
unpack_packages "$list" "$work"
settle "$tree"
configure "$work"
cut -d' ' -f1-3 "$list" > "$tree/$mark"

mv -T -- "$tree" "$DIR" || fail "$tree cannot be renamed to $DIR"
rm -rf -- "$work"
say "$DIR has $(wc -l < "$DIR/$mark") packages, $(du -sm "$DIR" | cut -f1) MB. Try: node run-vm.js --root $DIR"
