"""The macros that this repository's BUILD files consist of.

| macro | for | library is visible to |
|---|---|---|
| `library()` | the contracts and what lies under `libs/` | everything above it |
| `service()` | what lies under `services/` | its own package and the tools, which compose services |
| `tool()` | what lies under `tools/` | tools |

Each makes, from the files that it finds in the package:

- `:<folder>`: what one builds: the library of `src/lib.rs`; for a tool the binary of `src/main.rs`; for a service its
  binary and its contract;
- `:<folder>_lib`: the library of a service or a tool, and `:<cargo name>` the binary of a service;
- `:contract`, `:contract_test`, `:renew`: a service's contract, see `contract.bzl`;
- `:release`, `:image-labels`: what of a service is released, see `release.bzl`;
- `:unit_test`: the tests inside the library;
- `:integration_test`: `tests/all.rs` or `tests/all/main.rs`, the one integration-test binary of a package;
- `:example_<name>`: each `examples/<name>.rs`.

Names, versions, dependencies and lints come from Cargo's manifests; see `cargo_workspace.bzl`.
"""

load("@cargo_workspace//:defs.bzl", "LINT_FLAGS", "MEMBERS")
load("@crates//:defs.bzl", "aliases", "all_crate_deps")
load("@rules_rust//cargo:defs.bzl", "cargo_build_script")
load("@rules_rust//rust:defs.bzl", "rust_binary", "rust_library", "rust_test")
load(":contract.bzl", "contract")
load(":release.bzl", "release", "stamped_env")

_TOP = ["//tools:__subpackages__"]

_ABOVE_LIBRARIES = _TOP + [
    "//libs:__subpackages__",
    "//services:__subpackages__",
]

# Files of a package that its sources may include at compile time: migrations, templates, golden files, READMEs.
_INCLUDABLE = ["**"]
_NOT_INCLUDABLE = [
    "**/*.rs",
    "**/BUILD.bazel",
    "Cargo.toml",
    "contract/**",
    "releases/**",
    "target/**",
]

def library(**kwargs):
    """A crate that others build on: the contracts or a library. Takes what `_crate` takes."""
    _crate(visibility = _ABOVE_LIBRARIES, **kwargs)

def service(**kwargs):
    """A service: no other service and no library may see it. Takes what `_crate` takes."""
    name = _folder()
    binary = MEMBERS[native.package_name()]["name"]
    _crate(
        binary = binary,
        library = name + "_lib",
        stamped_as = name,
        visibility = _TOP,
        **kwargs
    )
    contract(
        binary = ":" + binary,
        service = name,
    )
    release(
        binary = ":" + binary,
        service = name,
        version = MEMBERS[native.package_name()]["version"],
    )
    native.filegroup(
        name = name,
        srcs = [
            binary,
            "contract",
        ],
        visibility = _TOP,
    )
    _pages([
        "*.md",
        "Cargo.toml",
        "contract/**",
        "releases/**",
    ])

def tool(run_by = [], **kwargs):
    """A program for people, which may see everything. Takes what `_crate` takes.

    Args:
        run_by: packages outside the tools whose build runs the program.
        **kwargs: see `_crate`.
    """
    name = _folder()
    _crate(
        binary = name,
        binary_visibility = _TOP + ["//:__pkg__"] + run_by,
        library = name + "_lib",
        visibility = _TOP,
        **kwargs
    )
    _pages(["*.md"])

def _pages(patterns):
    """What the portal shows of the package besides a contract."""
    native.filegroup(
        name = "pages",
        srcs = native.glob(patterns, allow_empty = True),
        visibility = _TOP + ["//docs:__subpackages__"],
    )

def _crate(
        visibility,
        library = None,
        binary = None,
        binary_visibility = None,
        features = [],
        data = [],
        compile_data = [],
        build_data = [],
        binary_data = [],
        binary_env = {},
        stamped_as = None,
        test_data = [],
        test_env = {},
        test_size = "large",
        test_tags = []):
    """The targets of one package of the Cargo workspace.

    Args:
        visibility: who may depend on the library.
        library: the name of the library's target; the folder's unless told.
        binary: the name of the binary's target; the Cargo package's unless told.
        binary_data: files that the binary needs when Bazel runs it.
        binary_env: environment of the binary when Bazel runs it.
        binary_visibility: who may use the binary; `visibility` unless told.
        stamped_as: the service whose commit and build the binary tells in release builds; none unless told.
        features: Cargo features to build with; Cargo's default features of the package.
        data: files that the programs and tests need at run time.
        compile_data: labels outside the package that the sources include at compile time.
        build_data: files that the build script reads.
        test_data: files that the tests need at run time.
        test_env: environment of the tests.
        test_size: Bazel's size of the integration tests.
        test_tags: Bazel's tags of the integration tests.
    """
    package = native.package_name()
    member = MEMBERS[package]
    library = library or _folder()
    binary = binary or member["name"]
    crate_name = member["name"].replace("-", "_")

    common = dict(
        aliases = aliases(),
        compile_data = native.glob(_INCLUDABLE, exclude = _NOT_INCLUDABLE) + compile_data,
        crate_features = features,
        data = data,
        edition = "2024",
        proc_macro_deps = all_crate_deps(proc_macro = True),
        rustc_env = {"CARGO_PKG_NAME": member["name"]},
        rustc_flags = LINT_FLAGS,
        version = member["version"],
    )
    normal = [_library_of(other) for other in member["normal"]]
    deps = all_crate_deps(normal = True) + normal
    dev_deps = all_crate_deps(normal_dev = True) + [
        _library_of(other)
        for other in member["dev"]
        if other not in member["normal"]
    ]

    # MODULE.bazel names them.
    native.exports_files(["Cargo.toml"])

    if _exists("build.rs"):
        cargo_build_script(
            name = "build_script",
            srcs = ["build.rs"],
            aliases = aliases(build = True, build_proc_macro = True),
            crate_features = features,
            data = build_data,
            edition = "2024",
            pkg_name = member["name"],
            proc_macro_deps = all_crate_deps(build_proc_macro = True),
            rustc_flags = LINT_FLAGS,
            version = member["version"],
            deps = all_crate_deps(build = True) + [_library_of(other) for other in member["build"]],
        )
        deps = deps + [":build_script"]

    library_deps = []
    if _exists("src/lib.rs"):
        rust_library(
            name = library,
            srcs = native.glob(["src/**/*.rs"], exclude = ["src/main.rs", "src/bin/**"]),
            crate_name = crate_name,
            visibility = visibility,
            deps = deps,
            **common
        )
        library_deps = [":" + library]
        rust_test(
            name = "unit_test",
            size = "medium",
            aliases = aliases(normal_dev = True, proc_macro_dev = True),
            crate = ":" + library,
            crate_features = features,
            edition = "2024",
            proc_macro_deps = all_crate_deps(proc_macro_dev = True),
            rustc_flags = LINT_FLAGS,
            data = data + test_data,
            deps = dev_deps,
            env = test_env,
        )

    if _exists("src/main.rs"):
        rust_binary(
            name = binary,
            crate_name = crate_name,
            srcs = ["src/main.rs"] if library_deps else native.glob(["src/**/*.rs"]),
            crate_root = "src/main.rs",
            env = binary_env,
            stamp = -1 if stamped_as else 0,
            visibility = binary_visibility or visibility,
            deps = deps + library_deps,
            **(common | {
                "data": data + binary_data,
                "rustc_env": stamped_env(stamped_as, common["rustc_env"]) if stamped_as else common["rustc_env"],
            })
        )

    test_roots = native.glob(["tests/all.rs", "tests/all/main.rs"], allow_empty = True)
    if test_roots:
        rust_test(
            name = "integration_test",
            size = test_size,
            srcs = native.glob(["tests/**/*.rs"]),
            crate_root = test_roots[0],
            # Servers and clients of many threads, some of them with deadlines: one such test at a time on two cores.
            tags = ["cpu:2"] + test_tags,
            deps = deps + dev_deps + library_deps,
            **(common | dict(
                aliases = aliases(normal = True, normal_dev = True, proc_macro = True, proc_macro_dev = True),
                crate_name = "all",
                data = data + test_data,
                env = test_env,
                proc_macro_deps = all_crate_deps(proc_macro = True, proc_macro_dev = True),
            ))
        )

    for example in native.glob(["examples/*.rs"], allow_empty = True):
        rust_binary(
            testonly = True,
            name = "example_" + example[len("examples/"):-len(".rs")],
            srcs = [example],
            crate_name = example[len("examples/"):-len(".rs")].replace("-", "_"),
            deps = deps + dev_deps + library_deps,
            **(common | dict(
                aliases = aliases(normal = True, normal_dev = True, proc_macro = True, proc_macro_dev = True),
                proc_macro_deps = all_crate_deps(proc_macro = True, proc_macro_dev = True),
            ))
        )

def _folder(package = None):
    return (package or native.package_name()).rpartition("/")[2]

def _library_of(package):
    """The label of the library of a member, which for a service or a tool is not the folder's own name."""
    if package.startswith("//tools/") or package.startswith("//services/"):
        return "{}:{}_lib".format(package, _folder(package))
    return package

def _exists(path):
    return len(native.glob([path], allow_empty = True)) > 0
