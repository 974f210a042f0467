# Sourced by build.sh: gets Debian packages, by the machine's own apt, from a configuration of its own.

# All of apt's state is under $BUILD/apt, so the machine's is neither used nor changed; signatures are checked as ever.
private_apt() {
    local command=$1
    shift
    "$command" \
        -o "Dir::Etc::sourcelist=$BUILD/apt/debian.sources" -o Dir::Etc::sourceparts=/dev/null \
        -o "Dir::State::Lists=$BUILD/apt/lists" -o Dir::State::status=/dev/null -o "Dir::Cache=$BUILD/apt/cache" \
        -o APT::Architecture=riscv64 -o APT::Architectures::=riscv64 -o APT::Sandbox::User="$(id -un)" \
        -o Acquire::Languages=none -o APT::Update::Error-Mode=any "$@"
}

# The lists are fetched anew in each run.
rm -f "$BUILD/apt/ready"

# Finds, among the mirrors that the machine's apt uses, one that serves Debian trixie for riscv64.
open_mirror() {
    local keyring=${KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg} mirror mirrors
    [ -e "$BUILD/apt/ready" ] && return
    [ -e "$keyring" ] || fail "$keyring is missing: install Debian's package debian-archive-keyring, or name the keyring: KEYRING=FILE"
    mirrors=${MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Identifier: Packages' 'Component: main' | sort -u)}
    mkdir -p "$BUILD/apt/lists/partial" "$BUILD/apt/cache/archives/partial"
    for mirror in $mirrors; do
        printf 'Types: deb\nURIs: %s\nSuites: trixie\nComponents: main\nSigned-By: %s\n' "$mirror" "$keyring" \
            >"$BUILD/apt/debian.sources"
        if private_apt apt-get -q update >"$BUILD/apt/log" 2>&1; then
            touch "$BUILD/apt/ready"
            return
        fi
    done
    cat "$BUILD/apt/log" >&2
    fail "none of apt's mirrors serves Debian trixie for riscv64. Name one: MIRROR=URI; or give make guest the packages: SOURCE=FILE"
}

# The versions of package $1 on the mirror, one on a line.
versions_of() {
    private_apt apt-cache madison "$1" | cut -d'|' -f2 | tr -d ' ' | sort -u
}

# The field $2 of package file $1; nothing when it is no package.
field_of() {
    dpkg-deb -f "$1" "$2" 2>/dev/null || true
}

# The file of SOURCE= that is package $1, if there is one.
given() {
    local file
    for file in ${SOURCE:-}; do
        [ -e "$file" ] || fail "SOURCE: no file $file"
        if [ "$(field_of "$file" Package)" = "$1" ]; then
            echo "$file"
            return
        fi
    done
}

# Prints the path of package $1, version $2, architecture $3, sha256 $4: from SOURCE=, or from the mirror.
obtain() {
    local package=$1 version=$2 architecture=$3 sha256=$4 file
    file=$(given "$package")
    if [ -n "$file" ]; then
        [ "$(sha256_of "$file")" = "$sha256" ] ||
            say "$package: $file is version $(field_of "$file" Version), not the pinned file of $version: the images will differ"
        echo "$file"
        return
    fi
    file="$BUILD/packages/${package}_${version/:/%3a}_$architecture.deb"
    if [ -z "${LATEST:-}" ] && [ -e "$file" ] && [ "$(sha256_of "$file")" = "$sha256" ]; then
        echo "$file"
        return
    fi
    open_mirror
    if [ -n "${LATEST:-}" ]; then
        version=$(versions_of "$package" | sort -V | tail -n 1)
        [ -n "$version" ] || fail "$package: the mirror does not have it"
        say "$package: the mirror's newest version is $version"
    elif ! versions_of "$package" | grep -qxF -- "$version"; then
        say "$package: the mirror has $(versions_of "$package" | xargs), and no longer the pinned $version"
        fail "Get that file (Debian's snapshot archive keeps all versions) and run: make guest SOURCE=FILE; or take the newest: make guest LATEST=1"
    fi
    mkdir -p "$BUILD/packages"
    (cd "$BUILD/packages" && private_apt apt-get -q download "$package=$version" >&2) || fail "$package=$version: the download failed"
    file="$BUILD/packages/${package}_${version/:/%3a}_$architecture.deb"
    [ -n "${LATEST:-}" ] || [ "$(sha256_of "$file")" = "$sha256" ] ||
        fail "$file: its sha256 is $(sha256_of "$file"), pinned is $sha256"
    echo "$file"
}
