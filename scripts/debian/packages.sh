# Sourced by build.sh: which packages the tree has, and how their files are got.

# shellcheck source=../../guest-images/scripts/fetch.sh
. "$HERE/../../guest-images/scripts/fetch.sh"

# Beside what is essential or required. gcc only recommends the C library's headers; apt is there for those who look for it, and its
# script calls adduser.
wanted='adduser apt gcc libc6-dev make procps python3 git sqlite3'

# The machine's choices of versions say nothing about this tree. apt's locks are beside the status file, which is empty.
tree_apt() {
  private_apt "$@" -o APT::Install-Recommends=false -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
    -o Dir::State::status="$BUILD/apt/status" -o Dir::State::extended_states="$BUILD/apt/extended_states"
}

archives() { echo "$BUILD/apt/cache/archives"; }

# The path of a package's file. $1 name, $2 version, $3 architecture.
file_of() { echo "$(archives)/${1}_${2/:/%3a}_$3.deb"; }

# All names that the tree is asked to have.
roots() {
  awk '/^Package: / { name = $2 } /^Essential: yes/ || /^Priority: required/ { print name }' "$BUILD/apt/available" | sort -u
  printf '%s\n' $wanted ${PACKAGES:-}
}

# Prints a line for each package of the closure, in an order in which they could be installed:
# name, version, architecture, SHA-256, KiB unpacked.
closure() {
  : > "$BUILD/apt/status"
  tree_apt apt-cache dumpavail > "$BUILD/apt/available"
  # shellcheck disable=SC2046  # a list of words
  tree_apt apt-get -s install $(roots) > "$BUILD/apt/plan" 2> "$BUILD/apt/log" || {
    cat "$BUILD/apt/log" >&2
    fail "apt finds no way to install these packages"
  }
  awk '
    # Inst libc6 (2.41-12 Debian:13.8/stable [riscv64]) []
    FILENAME == ARGV[1] { if ($1 == "Inst") { order[++count] = $2 " " substr($3, 2) }; next }
    /^Package: / { name = $2 }
    /^Version: / { version = $2 }
    /^Architecture: / { architecture = $2 }
    /^Installed-Size: / { size = $2 }
    /^SHA256: / { known[name " " version] = architecture " " $2 " " size }
    END {
      for (i = 1; i <= count; i++) {
        if (!(order[i] in known)) { print order[i] ": apt tells no checksum" > "/dev/stderr"; exit 1 }
        print order[i], known[order[i]]
      }
      if (count == 0) exit 1
    }
  ' "$BUILD/apt/plan" "$BUILD/apt/available"
}

# Prints the packages of list $1 whose files are missing or damaged; damaged ones are removed.
unsound() {
  local name version architecture sha256 file
  while read -r name version architecture sha256 _; do
    file=$(file_of "$name" "$version" "$architecture")
    if [[ -e $file && $(sha256_of "$file") == "$sha256" ]]; then continue; fi
    rm -f "$file"
    echo "$name=$version"
  done < "$1"
}

# Makes list $1 and gets its files. What an interrupted run for the same names has chosen and fetched is taken without asking a
# mirror; another list makes what was unpacked in folder $2 worthless.
get_packages() {
  local list=$1 work=$2 asked="$wanted ${PACKAGES:-}" lacking
  exec 9> "$BUILD/lock"
  flock -n 9 || {
    say 'another make debian is fetching packages: waiting for it'
    flock 9
  }
  if [[ -s $list && $(cat "$work/asked") == "$asked" ]]; then
    lacking=$(unsound "$list")
    [[ -n $lacking ]] || return 0
  fi
  open_mirror
  closure > "$list.new"
  if [[ -e $list ]] && ! cmp -s "$list.new" "$list"; then
    say 'other packages are to be had, or asked for, than when this was begun: starting over'
    rm -rf "$work/tree" "$work/database"
  fi
  echo "$asked" > "$work/asked"
  mv "$list.new" "$list"
  lacking=$(unsound "$list")
  if [[ -n $lacking ]]; then
    say "fetching $(wc -l <<< "$lacking") packages"
    # shellcheck disable=SC2086  # a list of words
    tree_apt apt-get -qy --download-only install $(cut -d' ' -f1,2 --output-delimiter== "$list") > "$BUILD/apt/log" 2>&1 || {
      tail -n 20 "$BUILD/apt/log" >&2
      fail 'the download failed: run it again to go on'
    }
    lacking=$(unsound "$list")
    [[ -z $lacking ]] || fail "these are missing after the download, or are not what the mirror's signed list says: $lacking"
  fi
  exec 9>&-
}
