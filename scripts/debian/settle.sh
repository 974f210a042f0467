# Sourced by build.sh: what the packages' scripts would have done, as far as programs need it to run. All of it may be repeated.

# name, link, target, further links to the same: the only choices, in automatic mode.
alternatives='
awk /usr/bin/awk /usr/bin/mawk nawk
which /usr/bin/which /usr/bin/which.debianutils
pager /usr/bin/pager /bin/more
rmt /usr/sbin/rmt /usr/sbin/rmt-tar
cc /usr/bin/cc /usr/bin/gcc
c89 /usr/bin/c89 /usr/bin/c89-gcc
c99 /usr/bin/c99 /usr/bin/c99-gcc
cpp /lib/cpp /usr/bin/cpp
c++ /usr/bin/c++ /usr/bin/g++
'

link_alternatives() {
  local tree=$1 name link target slaves slave
  mkdir -p "$tree/etc/alternatives"
  while read -r name link target slaves; do
    if [[ -z $name || ! -e $tree$target ]]; then continue; fi
    for slave in $name $slaves; do
      ln -sfn "$target" "$tree/etc/alternatives/$slave"
      ln -sfn "/etc/alternatives/$slave" "$tree${link%/*}/$slave"
    done
  done <<< "$alternatives"
}

# Copies file $2 of tree $1 to $3 there, unless it is there.
default() {
  if [[ -e $1$2 && ! -e $1$3 ]]; then cp -p "$1$2" "$1$3"; fi
}

# A folder of tree $1 at $2 with mode $3.
folder() {
  mkdir -p "$1$2"
  chmod "$3" "$1$2"
}

settle() {
  local tree=$1 path
  link_alternatives "$tree"

  default "$tree" /usr/share/base-passwd/passwd.master /etc/passwd
  default "$tree" /usr/share/base-passwd/group.master /etc/group
  default "$tree" /usr/share/libc-bin/nsswitch.conf /etc/nsswitch.conf
  default "$tree" /usr/share/base-files/profile /etc/profile
  default "$tree" /usr/share/base-files/dot.profile /root/.profile
  default "$tree" /usr/share/base-files/dot.bashrc /root/.bashrc
  default "$tree" /usr/share/base-files/motd /etc/motd
  default "$tree" /usr/share/debianutils/shells /etc/shells
  default "$tree" /usr/share/readline/inputrc /etc/inputrc
  ln -sfn debian "$tree/etc/dpkg/origins/default"
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

  install -m 755 "$HERE/enter.sh" "$tree/enter"
}
