# Sourced by build.sh: unpacks packages, and keeps dpkg's database of them, so that dpkg and apt in the guest know what is there.

# Unpacks the package file $1 into folder $2 and prints what is in it, as ls -l does with numbers of owners. Links in place of folders
# stay: base-files has /bin, /lib and /sbin as links into /usr.
unpack_file() {
  dpkg-deb --fsys-tarfile "$1" |
    tar -xvvp --no-same-owner --numeric-owner --keep-directory-symlink --quoting-style=literal --warning=no-timestamp -C "$2" |
    sed -E '/^l/s/ -> .*//; /^h/s/ link to .*//'
}

# mode, UID/GID, size, day and time, before the path
columns='\S+ +([0-9]+)/([0-9]+) +\S+ +\S+ +\S+'

# The paths of a listing, as dpkg's lists have them.
paths_of() { sed -E "s,^$columns \\.?/?,/,; s,(.)/\$,\1,; s,^/\$,/.," "$1"; }

# The files and folders of a listing that are not root's: UID:GID, a tab, and the path.
owners_of() { sed -nE "/^[-d]\S+ +0\/0 /d; s,^[-d]$columns \\.?/?,\1:\2\t/,p" "$1"; }

# Writes the record of package file $1, called $2, with the listing in file $3, unpacked in folder $4, into folder $5.
record_package() {
  local file=$1 name=$2 listing=$3 tree=$4 database=$5 prefix=$2 part conffile state=unpacked
  # All that their scripts do is to compile Python's library, for two thirds of the time that the rest takes; Python does so as it
  # goes.
  if [[ $name == python3.[0-9]* ]]; then state=installed; fi
  rm -rf "$database/control"
  dpkg-deb -e "$file" "$database/control"
  if grep -q '^Multi-Arch: same' "$database/control/control"; then
    prefix+=:$(sed -n 's/^Architecture: //p' "$database/control/control")
  fi
  {
    sed "/^Package: /a Status: install ok $state" "$database/control/control"
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
  paths_of "$listing" > "$database/info/$prefix.list"
  owners_of "$listing" > "$database/owners/$name"
  mv "$database/stanza" "$database/status/$name"
}

# Unpacks all packages of list $1 into `tree` of folder $2. A package whose record is there was unpacked as a whole.
unpack_packages() {
  local list=$1 tree=$2/tree database=$2/database name version architecture needed free
  mkdir -p "$tree" "$database/info" "$database/owners" "$database/status"
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
    unpack_file "$(file_of "$name" "$version" "$architecture")" "$tree" > "$database/listing" ||
      fail "$name could not be unpacked: run it again to go on"
    record_package "$(file_of "$name" "$version" "$architecture")" "$name" "$database/listing" "$tree" "$database"
  done < <(grep '^base-files ' "$list"; grep -v '^base-files ' "$list")
  mkdir -p "$tree/var/lib/dpkg/info" "$tree/var/lib/dpkg/updates" "$tree/var/lib/dpkg/triggers"
  cp -p "$database/info"/* "$tree/var/lib/dpkg/info/"
  echo 1 > "$tree/var/lib/dpkg/info/format"
  cat "$database/status"/* > "$tree/var/lib/dpkg/status"
  echo riscv64 > "$tree/var/lib/dpkg/arch-native"
  : > "$tree/var/lib/dpkg/available"
}
