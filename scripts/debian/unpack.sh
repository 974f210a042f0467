# Sourced by build.sh: unpacks packages, and keeps dpkg's database of them, so that dpkg and apt in the guest know what is there.

# Unpacks the package file $1 into folder $2 and prints its paths as dpkg's lists have them. Links in place of folders stay:
# base-files has /bin, /lib and /sbin as links into /usr.
unpack_file() {
  local owners=--no-same-owner
  # Numbers below 100 mean the same in every Debian; names are the machine's.
  if [[ $(id -u) == 0 ]]; then owners=--numeric-owner; fi
  dpkg-deb --fsys-tarfile "$1" |
    tar -xvp $owners --keep-directory-symlink --quoting-style=literal --warning=no-timestamp -C "$2" |
    sed -E 's,^\./?,/,; s,(.)/$,\1,; s,^/$,/.,'
}

# Writes the record of package file $1, called $2, with the list of its paths in file $3, unpacked in folder $4, into folder $5.
record_package() {
  local file=$1 name=$2 paths=$3 tree=$4 database=$5 prefix=$2 part conffile
  rm -rf "$database/control"
  dpkg-deb -e "$file" "$database/control"
  if grep -q '^Multi-Arch: same' "$database/control/control"; then
    prefix+=:$(sed -n 's/^Architecture: //p' "$database/control/control")
  fi
  {
    # Not only unpacked: settle.sh stands in for the scripts, and what is installed later in the guest must find this configured.
    sed '/^Package: /a Status: install ok installed' "$database/control/control"
    if [[ -e $database/control/conffiles ]]; then
      echo 'Conffiles:'
      while read -r conffile; do
        if [[ -f $tree$conffile ]]; then echo " $conffile $(md5sum < "$tree$conffile" | cut -d' ' -f1)"; fi
      done < "$database/control/conffiles"
    fi
    echo
  } > "$database/stanza"
  rm "$database/control/control"
  for part in "$database/control"/*; do
    if [[ -e $part ]]; then mv "$part" "$database/info/$prefix.${part##*/}"; fi
  done
  mv "$paths" "$database/info/$prefix.list"
  mv "$database/stanza" "$database/status/$name"
}

# Unpacks all packages of list $1 into `tree` of folder $2. A package whose record is there was unpacked as a whole.
unpack_packages() {
  local list=$1 tree=$2/tree database=$2/database name version architecture needed free
  mkdir -p "$tree" "$database/info" "$database/status"
  needed=$(
    while read -r name _ _ _ size; do
      if [[ ! -e $database/status/$name ]]; then echo "$size"; fi
    done < "$list" | awk '{ sum += $1 } END { print sum + 0 }'
  )
  free=$(df -Pk "$tree" | awk 'NR == 2 { print $4 }')
  ((free > needed)) || fail "$tree needs $((needed / 1024)) MB, and there are $((free / 1024)) MB free"
  if ((needed > 0)); then say "unpacking $(wc -l < "$list") packages, $((needed / 1024)) MB to go"; fi
  # base-files first, for its links.
  while read -r name version architecture _; do
    if [[ -e $database/status/$name ]]; then continue; fi
    unpack_file "$(file_of "$name" "$version" "$architecture")" "$tree" > "$database/paths" ||
      fail "$name could not be unpacked: run it again to go on"
    record_package "$(file_of "$name" "$version" "$architecture")" "$name" "$database/paths" "$tree" "$database"
  done < <(grep '^base-files ' "$list"; grep -v '^base-files ' "$list")
  mkdir -p "$tree/var/lib/dpkg/info" "$tree/var/lib/dpkg/updates" "$tree/var/lib/dpkg/triggers"
  cp -p "$database/info"/* "$tree/var/lib/dpkg/info/"
  echo 1 > "$tree/var/lib/dpkg/info/format"
  cat "$database/status"/* > "$tree/var/lib/dpkg/status"
  echo riscv64 > "$tree/var/lib/dpkg/arch-native"
  : > "$tree/var/lib/dpkg/available"
}
