#!/usr/bin/env bash
# Makes the registry-only world: Bazel and its rules from Debian's packages, the rest from the local Rust toolchain and
# from crates. Called by ../../bazelw when its stamp is missing or old. Every step is skipped when its result is there
# and leaves nothing half-made behind, so an interrupted run goes on where it stopped.
#
# usage: tools/bazel/provision.sh CACHE_DIR KEY STAMP
set -euo pipefail

cache=${1:?cache folder}
key=${2:?key of the inputs}
stamp=${3:?first line of the rc file}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
root=$(cd "$here/../.." && pwd -P)

say() { echo "bazelw: $*" >&2; }
fail() {
    say "$*"
    exit 1
}

# Runs a command with its output in a log that is shown only when it fails.
run() {
    local what=$1 started=$SECONDS
    shift
    say "$what ..."
    if ! "$@" >"$cache/step.log" 2>&1 </dev/null; then
        tail -n 40 "$cache/step.log" >&2
        fail "$what failed (the end of its output is above, all of it in $cache/step.log)"
    fi
    say "$what: $((SECONDS - started)) s"
}

cleanups=()
at_exit() { cleanups+=("$(printf '%q ' "$@")"); }
clean_up() {
    local command
    for command in "${cleanups[@]}"; do
        eval "$command"
    done
}
trap clean_up EXIT

# shellcheck source=tools/bazel/offline/packages.sh
. "$here/offline/packages.sh"
# shellcheck source=tools/bazel/offline/world.sh
. "$here/offline/world.sh"

mkdir -p "$cache"
exec 9>"$cache/provision.lock"
if ! flock --nonblock 9; then
    say "waiting for another provisioning run to end ..."
    flock 9
fi

rust_version=$(sed -n 's/^channel = "\(.*\)"$/\1/p' "$root/rust-toolchain.toml")
rust_home=$(toolchain_home "$rust_version")
provide_packages
[[ $(bazel --version) == "bazel $(<"$root/.bazelversion")" ]] ||
    fail "install Bazel $(<"$root/.bazelversion"): Debian's package is $(bazel --version) by now"

world=$cache/world-$key
generator=$cache/cargo-bazel-$(dpkg-query --show --showformat='${Version}' bazel-rules-rust)
provide_generator "$generator" "$rust_home"
if [[ ! -d $world ]]; then
    rm -rf "$world.part"
    mkdir -p "$world.part"
    provide_toolchain "$rust_home" "$world.part/rust_host_tools"
    provide_rules "$world.part/rules_rust"
    provide_stubs "$world.part"
    mv "$world.part" "$world"
fi
write_rc "$root/.bazelrc.offline" "$stamp" "$world" "$generator"
say "Bazel is ready (its world lies in $cache)"
