#!/usr/bin/env bash
# Builds this checkout as a connected machine would, on a machine that reaches only package registries: no rc file of
# ours or Debian's, modules from a registry, rules_rust patched by Bazel, a Rust toolchain that rules_rust downloads.
#
# What cannot be reached is made from what is installed: a file:// registry of Debian's rules, and archives of the local
# Rust toolchain in the layout of the published ones. What stays unproved is therefore the content of the published
# archives, not that this repository's files fit together with them. docs/bazel.md tells more.
#
# usage: tools/bazel/connected_simulation.sh [TARGET...]     (default: a library with its contracts, and its tests)
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
cache=${SHOAL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/shoal}
sim=$cache/connected-simulation
targets=("${@:-//libs/error/...}")
embedded=/usr/share/bazel/embedded_tools

fail() {
    echo "connected_simulation: $*" >&2
    exit 1
}
[[ -d $embedded ]] || fail "run ./bazelw once on a Debian machine first: the simulation is made from what it installs"
rm -rf "$sim/registry" "$sim/checkout"
mkdir -p "$sim/registry" "$sim/archives" "$sim/checkout"

# ---- the registry --------------------------------------------------------------------------------------------------
# Every module that Debian's rc file or ours overrides, at every version that some module file asks for.
modules() {
    sed -n 's/^common --override_module=\(.*\)=\(.*\)$/\1 \2/p' /etc/bazel/bazelrc "$root/.bazelrc.offline" |
        sed 's#^rules_rust .*#rules_rust /usr/share/bazel/rules/rust#'
}
module_files() {
    modules | while read -r _ folder; do echo "$folder/MODULE.bazel"; done
    echo "$embedded/MODULE.bazel" "$root/MODULE.bazel"
}
# Prints "name version" for each bazel_dep, however it is broken into lines, and for the one that Bazel itself holds.
dependencies() {
    echo "platforms 0.0.7"
    module_files | xargs cat | tr '\n' ' ' | grep -oE 'bazel_dep\([^)]*\)' |
        sed -nE 's/.*name *= *"([^"]*)".* version *= *"([^"]*)".*/\1 \2/p' | sort -u
}

publish() {
    local name=$1 version=$2 folder=$3 integrity
    local entry=$sim/registry/modules/$name/$version archive=$sim/registry/$name-$version.tar.gz
    mkdir -p "$entry"
    # The module file must call itself what the registry calls it.
    sed -E "/^module\(/,/\)/ s/version = \"[^\"]*\"/version = \"$version\"/" \
        "$folder/MODULE.bazel" >"$entry/MODULE.bazel"
    if grep -qE '^module\(name = "[a-z_]*"\)$' "$entry/MODULE.bazel"; then
        printf 'module(name = "%s", version = "%s")\n' "$name" "$version" >"$entry/MODULE.bazel"
    fi
    tar --create --gzip --dereference --directory="$folder" --file="$archive" --transform='s#^\.#module#' .
    integrity=sha256-$(openssl dgst -sha256 -binary "$archive" | base64)
    printf '{"url": "file://%s", "integrity": "%s", "strip_prefix": "module"}\n' "$archive" "$integrity" \
        >"$entry/source.json"
}

echo '{}' >"$sim/registry/bazel_registry.json"
while read -r name version; do
    folder=$(modules | awk -v name="$name" '$1 == name { print $2; exit }')
    [[ -z $folder ]] || publish "$name" "$version" "$folder"
done < <(dependencies)
echo "registry: $(find "$sim/registry/modules" -name source.json | wc -l) module versions"

# ---- the Rust toolchain's archives -----------------------------------------------------------------------------------
version=$(sed -n 's/^channel = "\(.*\)"$/\1/p' "$root/rust-toolchain.toml")
tools=$(sed -n 's/^common --override_repository=.*rust_host_tools=//p' "$root/.bazelrc.offline")
sysroot=$(dirname "$(readlink -f "$tools/bin")")
triple=x86_64-unknown-linux-gnu

# pack TOOL SUBFOLDER COMPONENT: the files of an installed component as the archive of a published tool.
pack() {
    local full=$1-$version-$triple manifest=$sysroot/lib/rustlib/manifest-$3
    local archive=$sim/archives/$full.tar.xz
    [[ ! -e $archive ]] || return 0
    local -a files=()
    [[ ! -e $manifest ]] || mapfile -t files < <(sed -n 's/^file://p' "$manifest" | grep -v '^share/')
    mkdir -p "$sim/pack/$full/$2"
    local file
    for file in "${files[@]}"; do
        mkdir -p "$sim/pack/$full/$2/$(dirname "$file")"
        ln "$sysroot/$file" "$sim/pack/$full/$2/$file" 2>/dev/null || cp "$sysroot/$file" "$sim/pack/$full/$2/$file"
    done
    touch "$sim/pack/$full/$2/.packed"
    XZ_OPT="-0 -T0" tar --create --xz --directory="$sim/pack" --file="$archive.part" "$full"
    mv "$archive.part" "$archive"
    rm -rf "$sim/pack"
}
pack rustc rustc "rustc-$triple"
pack cargo cargo "cargo-$triple"
pack clippy clippy-preview "clippy-preview-$triple"
pack rustfmt rustfmt-preview "rustfmt-preview-$triple"
pack rust-std "rust-std-$triple" "rust-std-$triple"
pack llvm-tools llvm-tools-preview "llvm-tools-preview-$triple"
echo "toolchain: $(du -sh "$sim/archives" | cut -f1) of archives"

# ---- the checkout ----------------------------------------------------------------------------------------------------
# As git has it, but for where the toolchain comes from and hence what its archives hash to.
cd "$root"
git ls-files -z --cached --others --exclude-standard |
    while IFS= read -r -d '' file; do [[ ! -e $file ]] || printf '%s\0' "$file"; done |
    tar --create --null --files-from=- | tar --extract --directory="$sim/checkout"
sed -i "s#^ *sha256s = RUST_SHA256S,#    urls = [\"file://$sim/archives/{}.tar.xz\"],#" "$sim/checkout/MODULE.bazel"

generator=$(sed -n 's/.*CARGO_BAZEL_GENERATOR_URL=//p' "$root/.bazelrc.offline")
cd "$sim/checkout"
bazel() {
    command bazel --nosystem_rc --nohome_rc --install_base=/usr/share/bazel --trust_install_base \
        --output_base="$sim/output" --max_idle_secs=60 "$@"
}
bazel build --registry="file://$sim/registry" --repo_env=CARGO_BAZEL_GENERATOR_URL="$generator" \
    --disk_cache="$cache/disk-cache" --repository_cache="$cache/repository-cache" "${targets[@]}"
echo "connected_simulation: built ${targets[*]} with modules from a registry and a downloaded Rust $version"
