# Sourced by build.sh: what has to be there before the packages' scripts can run. All of it may be repeated.

# Copies file $2 of tree $1 to $3 there, unless it is there.
default() {
  if [[ -e $1$2 && ! -e $1$3 ]]; then cp -p "$1$2" "$1$3"; fi
}

# Stands in for command $2 of tree $1 with $3, both in /usr/bin, until a script chooses between alternatives.
stand_in() {
  if [[ -e $1/usr/bin/$3 && ! -L $1/usr/bin/$2 ]]; then ln -s "$3" "$1/usr/bin/$2"; fi
}

# A folder of tree $1 at $2 with mode $3.
folder() {
  mkdir -p "$1$2"
  chmod "$3" "$1$2"
}

# What is no package's, also into trees that are there already: enter, and what an init would bring, in the agent's words.
install_own() {
  local tree=$1 name signal
  cmp -s "$HERE/enter.sh" "$tree/enter" || install -m 755 "$HERE/enter.sh" "$tree/enter"
  mkdir -p "$tree/usr/local/sbin"
  for name in poweroff:USR2 halt:USR1 reboot:TERM; do
    signal=${name#*:} name=$tree/usr/local/sbin/${name%:*}
    if [[ -e $name ]]; then continue; fi
    printf '#!/bin/sh\nkill -s %s 1\n' "$signal" > "$name"
    chmod 755 "$name"
  done
}

settle() {
  local tree=$1 path
  stand_in "$tree" awk mawk
  stand_in "$tree" which which.debianutils

  default "$tree" /usr/share/base-passwd/passwd.master /etc/passwd
  default "$tree" /usr/share/base-passwd/group.master /etc/group
  ln -sfn /usr/share/zoneinfo/Etc/UTC "$tree/etc/localtime"
  printf '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n' > "$tree/etc/hosts"
  echo vm9 > "$tree/etc/hostname"

  for path in /mnt /srv /opt /media; do folder "$tree" "$path" 755; done
  folder "$tree" /tmp 1777
  folder "$tree" /var/tmp 1777
  folder "$tree" /run/lock 1777
  folder "$tree" /root 700
  for path in dev proc sys; do folder "$tree" "/$path" 755; done
  for path in run:/run lock:/run/lock; do
    # Packages may bring these as empty folders.
    if [[ -d $tree/var/${path%%:*} && ! -L $tree/var/${path%%:*} ]]; then rmdir "$tree/var/${path%%:*}"; fi
    ln -sfn "${path#*:}" "$tree/var/${path%%:*}"
  done
  if [[ -d $tree/usr/lib64 && ! -e $tree/lib64 ]]; then ln -s usr/lib64 "$tree/lib64"; fi
  install_own "$tree"
}
