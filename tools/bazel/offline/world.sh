# shellcheck shell=bash
# The user's part of the registry-only world: the Rust toolchain as a repository, the rules with our patches, stand-ins
# for modules that Linux needs nothing of, crate_universe's generator, the rc file. Sourced by ../provision.sh, whose
# variables and functions it uses.

readonly RULES_RUST=/usr/share/bazel/rules/rust
readonly STUBS=(protobuf zlib apple_support aspect_rules_js buildozer)

# Prints the folder of the installed Rust toolchain of exactly the given version.
toolchain_home() {
    local version=$1 home
    local -a homes=("${RUSTUP_HOME:-$HOME/.rustup}"/toolchains/"$version"-* "${RUSTUP_HOME:-$HOME/.rustup}"/toolchains/*)
    ! command -v rustc >/dev/null || homes+=("$(rustc --print sysroot 2>/dev/null || true)")
    for home in "${homes[@]}"; do
        if [[ -x $home/bin/rustc && $("$home/bin/rustc" --version) == "rustc $version "* ]]; then
            local tool
            for tool in cargo clippy-driver rustfmt; do
                [[ -x $home/bin/$tool ]] || fail "add clippy and rustfmt to Rust $version: $home has no $tool"
            done
            readlink -f "$home"
            return
        fi
    done
    fail "install Rust $version with rustup (toolchain install $version): the build pins it, and it is not on this machine"
}

# The local toolchain in the place of the repository that rules_rust would download.
provide_toolchain() {
    local home=$1 target=$2 part
    mkdir -p "$target"
    for part in bin lib libexec; do
        [[ ! -e $home/$part ]] || ln -sfn "$home/$part" "$target/$part"
    done
    cp "$here/offline/toolchain.BUILD" "$target/BUILD.bazel"
    : >"$target/REPO.bazel"
}

# Debian's copy of the rules, with the patches that MODULE.bazel has Bazel apply to the published ones.
provide_rules() {
    local target=$1 patch
    cp -r "$RULES_RUST" "$target"
    for patch in "$here"/patches/rules_rust_*.patch; do
        run "applying ${patch##*/}" patch -p1 --directory="$target" --input="$patch"
    done
}

# Modules that other modules' files name and that nothing here is built from.
provide_stubs() {
    local target=$1 name
    for name in "${STUBS[@]}"; do
        mkdir -p "$target/$name"
        printf 'module(name = "%s")\n' "$name" >"$target/$name/MODULE.bazel"
        : >"$target/$name/BUILD.bazel"
    done
    cp "$here/offline/buildozer_binary.bzl" "$target/buildozer/buildozer_binary.bzl"
}

# crate_universe's generator, from its source in Debian's package. A debug build takes half the time of a release one,
# and runs for seconds only when the Cargo workspace changes.
provide_generator() {
    local target=$1 rust_home=$2 source=$cache/build/cargo-bazel
    [[ ! -x $target ]] || return 0
    rm -rf "$source"
    mkdir -p "$source"
    cp -r "$RULES_RUST/crate_universe/." "$source"
    run "building crate_universe's generator (about 2 minutes, once)" \
        env PATH="$rust_home/bin:$PATH" CARGO_TARGET_DIR="$cache/build/target" \
        CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_DEV_STRIP=debuginfo \
        cargo build --locked --bin cargo-bazel --manifest-path "$source/Cargo.toml"
    mv "$cache/build/target/debug/cargo-bazel" "$target"
    rm -rf "$cache/build"
}

# The rc file that .bazelrc imports where it exists.
write_rc() {
    local target=$1 stamp=$2 world=$3 generator=$4 name
    {
        echo "$stamp"
        cat <<RC
# Made by ./bazelw for the machine where only package registries are reachable; see docs/bazel.md. Not in git.
build --sandbox_debug=false
common --override_module=rules_rust=$world/rules_rust
common --override_repository=rules_rust~~rust_host_tools~rust_host_tools=$world/rust_host_tools
common --extra_toolchains=@@rules_rust~~rust_host_tools~rust_host_tools//:all
common --repo_env=CARGO_BAZEL_GENERATOR_URL=file://$generator
common --disk_cache=$cache/disk-cache
common --experimental_disk_cache_gc_max_size=20G
common --repository_cache=$cache/repository-cache
RC
        for name in "${STUBS[@]}"; do
            echo "common --override_module=$name=$world/$name"
        done
    } >"$target.part"
    mv "$target.part" "$target"
}
