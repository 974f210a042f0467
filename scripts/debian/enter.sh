#!/bin/sh
# Runs a command in this Debian, or a shell: ./enter [COMMAND [ARGUMENT]...]
# For root of the Linux that has mounted the tree, whose programs are for the same processor: where the tree is no root, but a share.
set -e
tree=$(cd "$(dirname "$0")" && pwd)

mounted() { grep -q " $tree/$1 " /proc/mounts; }
# As they are outside: a share has no device nodes.
for folder in proc sys dev; do mounted $folder || mount -o rbind /$folder "$tree/$folder"; done
# In memory, as what is meant to be forgotten.
mounted run || mount -t tmpfs -o mode=755 run "$tree/run"
mounted tmp || mount -t tmpfs -o mode=1777 tmp "$tree/tmp"
mkdir -p -m 1777 "$tree/run/lock"

unset ENV EDITOR VISUAL
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root LANG=C.UTF-8 PAGER=pager
test $# -gt 0 || set -- /bin/bash -l
# By its path: busybox takes a bare name, sh too, for one of its own programs, and keeps on doing so in that shell.
exec chroot "$tree" /usr/bin/env "$@"
