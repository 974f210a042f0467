#!/usr/bin/env bash
# Builds the guest images and says whether they are the ones in images/. Usage, from the repository: make guest
#
#   SOURCE="FILE ..."  packages at hand (linux-source-6.12_*.deb, busybox-static_*_riscv64.deb) instead of the mirror's
#   LATEST=1           the mirror's newest versions instead of the pinned ones (sources.txt)
#   MIRROR=URI         a Debian mirror, if apt on this machine uses none
#   BUILD=FOLDER       where to build (2.5 GB); guest-images/build without it
#   CHECK=1            compare only: leave images/ as it is
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
BUILD=${BUILD:-$HERE/build}
mkdir -p "$BUILD"
BUILD=$(cd "$BUILD" && pwd)
CROSS=riscv64-linux-gnu-

# Nothing of the machine's language, time zone or umask goes into the images.
export LC_ALL=C TZ=UTC
umask 022

say() { echo "guest: $*" >&2; }
fail() {
    say "$*"
    exit 1
}
sha256_of() { sha256sum <"$1" | cut -d' ' -f1; }

need() {
    local tool missing=
    for tool in "$@"; do
        command -v "$tool" >/dev/null || missing="$missing $tool"
    done
    [ -z "$missing" ] || fail "not installed:$missing (on Debian: apt install gcc-riscv64-linux-gnu make flex bison bc patch xz-utils)"
}

# shellcheck source=scripts/fetch.sh
. "$HERE/scripts/fetch.sh"

# Columns 2 to 4 of a package's line in sources.txt.
pinned() { awk -v package="$1" '$1 == package { print $2, $3, $4 }' "$HERE/sources.txt"; }

# The tree is unpacked once per package file, and patched.
unpack_kernel() {
    local package=$1 stamp patch
    stamp=$(cat "$package" "$HERE"/kernel/*.patch | sha256sum | cut -d' ' -f1)
    [ "$(cat "$BUILD/linux.stamp" 2>/dev/null)" = "$stamp" ] && return
    say "unpacking the kernel's source"
    rm -rf "$BUILD/linux" "$BUILD/linux.stamp" "$BUILD/kernel"
    mkdir "$BUILD/linux"
    dpkg-deb --fsys-tarfile "$package" | tar -xO --wildcards './usr/src/linux-source-*.tar.xz' |
        xz -dc | tar -x -C "$BUILD/linux" --strip-components=1
    for patch in "$HERE"/kernel/*.patch; do
        patch -s -d "$BUILD/linux" -p1 <"$patch" || fail "$patch does not fit this kernel: it may have it already"
    done
    echo "$stamp" >"$BUILD/linux.stamp"
}

kernel_make() {
    make -C "$BUILD/linux" O="$BUILD/kernel" ARCH=riscv CROSS_COMPILE=$CROSS \
        KBUILD_BUILD_TIMESTAMP="$(date -u -d "@$SOURCE_DATE_EPOCH")" KBUILD_BUILD_VERSION=1 \
        KBUILD_BUILD_USER=vm9 KBUILD_BUILD_HOST=vm9 "$@" >>"$BUILD/log" 2>&1 || {
        tail -n 40 "$BUILD/log" >&2
        fail "the kernel's build failed: $BUILD/log"
    }
}

# An option that the kernel has renamed or whose condition is not met is dropped without a word: look.
check_config() {
    local line dropped=
    while read -r line; do
        grep -qxF -- "$line" "$BUILD/kernel/.config" || dropped="$dropped $line"
    done < <(grep '^CONFIG_' "$HERE/kernel/riscv64.fragment")
    [ -z "$dropped" ] || fail "this kernel does not take:$dropped"
}

build_kernel() {
    say "building the kernel (5 to 15 minutes)"
    kernel_make KCONFIG_ALLCONFIG="$HERE/kernel/riscv64.fragment" allnoconfig
    check_config
    kernel_make -j"$(nproc)" Image headers
}

build_initramfs() {
    rm -rf "$BUILD/busybox" "$BUILD/agent"
    dpkg-deb -x "$1" "$BUILD/busybox"
    make -s -C "$HERE/agent" CROSS_COMPILE=$CROSS OUT="$BUILD/agent" \
        NOLIBC="$BUILD/linux/tools/include/nolibc" HEADERS="$BUILD/kernel/usr/include"
    node "$HERE/scripts/make-initramfs.js" "$BUILD/initramfs" "$SOURCE_DATE_EPOCH" \
        "$BUILD/busybox/usr/bin/busybox" "$BUILD/agent/agent" "$HERE/rootfs"
}

need "${CROSS}gcc" make flex bison bc patch xz dpkg-deb apt-get node gzip sha256sum
: >"$BUILD/log"

read -r -a linux_pin <<<"$(pinned linux-source-6.12)"
read -r -a busybox_pin <<<"$(pinned busybox-static)"
linux=$(obtain linux-source-6.12 "${linux_pin[@]}")
busybox=$(obtain busybox-static "${busybox_pin[@]}")

unpack_kernel "$linux"
# The only date that goes in is the source's own.
SOURCE_DATE_EPOCH=$(stat -c %Y "$BUILD/linux/Makefile")
export SOURCE_DATE_EPOCH

build_kernel
build_initramfs "$busybox"

mkdir -p "$BUILD/images"
gzip -9nc "$BUILD/kernel/arch/riscv/boot/Image" >"$BUILD/images/vmlinux-riscv64.gz"
gzip -9nc "$BUILD/initramfs" >"$BUILD/images/initramfs-riscv64.cpio.gz"
node "$HERE/scripts/manifest.js" "$BUILD" "$linux" "$busybox" "$CROSS"
node "$HERE/scripts/compare.js" "$HERE/images" "$BUILD/images"
if [ -z "${CHECK:-}" ]; then
    mkdir -p "$HERE/images"
    cp "$BUILD"/images/* "$HERE/images/"
fi
