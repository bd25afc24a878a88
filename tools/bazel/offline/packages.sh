# shellcheck shell=bash
# The system's part of the registry-only world: Debian packages. Needs root, and does nothing when all is there.
# Sourced by ../provision.sh.

readonly SID_SOURCE=/etc/apt/sources.list.d/shoal-sid.sources
readonly SID_PIN=/etc/apt/preferences.d/shoal-sid
readonly KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# Bazel and its rules come from sid; the servers that tests start, a C compiler for crates that hold C, the quickest
# linker that Bazel looks for, the browser that reads the portal, and what checks and the walk-through use come from the
# machine's own suite. Bazel's package asks for build-essential: installed before it, that too is the suite's own; a
# compiler from sid would write what the suite's assembler cannot read.
readonly SID_PACKAGES=(bazel-bootstrap bazel-rules-rust)
readonly OWN_PACKAGES=(
    redis-server etcd-server postgresql prometheus build-essential lld patch python3 python3-venv git curl
    iproute2 file zip chromium chromium-driver
)

provide_packages() {
    local -a sid=() own=()
    mapfile -t sid < <(missing_packages "${SID_PACKAGES[@]}")
    mapfile -t own < <(missing_packages "${OWN_PACKAGES[@]}")
    # Node.js is often there from elsewhere, with an npm of its own.
    command -v npm >/dev/null || own+=(npm)
    ((${#sid[@]} + ${#own[@]})) || return 0

    ((EUID == 0)) ||
        fail "run ./bazelw once as root, or install these Debian packages (bazel ones from sid): ${sid[*]} ${own[*]}"

    hold_services_back
    run "finishing interrupted package installations" dpkg --configure -a
    run "reading the package lists" apt-get update
    if ((${#own[@]})); then
        run "installing ${own[*]}" apt_install "${own[@]}"
    fi
    if ((${#sid[@]})); then
        add_sid
        # One file moved between the two openssl packages that this upgrade crosses: hence --force-overwrite.
        run "installing ${sid[*]} from sid" apt_install -o Dpkg::Options::=--force-overwrite -t unstable "${sid[@]}"
    fi
    installed bazel-bootstrap || fail "Debian's bazel-bootstrap did not install; see the output above"
}

# Prints those of the named packages that are not installed.
missing_packages() {
    local package
    for package in "$@"; do
        installed "$package" || echo "$package"
    done
}

installed() {
    [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

apt_install() {
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        -o DPkg::Lock::Timeout=600 "$@"
}

# Adds sid as a source that nothing is taken from unless asked for. The mirror is the one this machine already uses.
add_sid() {
    # shellcheck disable=SC1091
    local mirror codename
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    # shellcheck disable=SC2016 # the dollar signs are apt's
    mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
        awk -v suite="$codename" '$2 == suite && $3 == "main" { print $1; exit }')
    [[ -n $mirror ]] ||
        fail "add a Debian mirror to the apt sources: none of them carries $codename main"
    [[ -r $KEYRING ]] || fail "install debian-archive-keyring: the packages' signatures cannot be checked without it"

    cat >"$SID_PIN" <<PIN
Package: *
Pin: release n=sid
Pin-Priority: 50
PIN
    cat >"$SID_SOURCE" <<SOURCE
Types: deb
URIs: $mirror
Suites: sid
Components: main
Signed-By: $KEYRING
Check-Valid-Until: no
SOURCE
    run "reading sid's package lists" apt-get update
}

# Keeps the packages' own servers from starting: tests start theirs, on ports of their own.
hold_services_back() {
    local policy=/usr/sbin/policy-rc.d
    [[ -e $policy ]] && return 0
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    at_exit rm -f "$policy"
}
