# Sourced by build.sh: runs the packages' scripts, which are riscv64's, in the guest with the tree as its root.

# What is done in the guest; owners come in as unpack.sh lists them. A change of owner takes set-user-ID away.
# shellcheck disable=SC2016  # the guest's variables
in_guest='
  set -e
  while IFS="	" read -r owner path; do
    mode=$(stat -c %a "$path")
    chown "$owner" "$path"
    chmod "$mode" "$path"
  done
  export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true
  dpkg --configure -a
'

# Configures all packages in `tree` of folder $1. It may be repeated. Modes and links stay those of the host, so that the tree can be
# used by chroot as well; owners are kept in attributes.
configure() {
  local work=$1 tree=$1/tree
  say 'running the scripts of the packages in the guest: this takes a minute or more'
  cat "$work/database/owners"/* > "$work/owners"
  node "$HERE/../../run-vm.js" --quiet --root "${tree//,/,,},security=default" --exec "$in_guest" \
    < "$work/owners" > "$work/log" 2>&1 || {
    tail -n 20 "$work/log" >&2
    fail 'the scripts of the packages did not come to their end: run it again to repeat them'
  }
}
