"""Packages of the npm registry, as repositories.

    npm.archive(name = "npm_axe", package = "axe-core", version = "4.14.1", integrity = "sha512-…")

Fetched by the machine's own `npm pack`, so that the registry is the one which this machine is configured for; what came
is compared with the integrity that stands here, and no script of the package is run. A package of programs has one
archive for each platform: `{platform}` in its name and `integrities` for each.
"""

_PLATFORMS = {
    ("linux", "aarch64"): "linux-aarch64",
    ("linux", "amd64"): "linux-x64",
    ("linux", "x86_64"): "linux-x64",
    ("mac os x", "aarch64"): "darwin-arm64",
}

def _npm_archive_impl(repository_ctx):
    attr = repository_ctx.attr
    package, integrity = attr.package, attr.integrity
    if attr.integrities:
        platform = _PLATFORMS.get((repository_ctx.os.name, repository_ctx.os.arch), "this platform")
        if platform not in attr.integrities:
            fail("{} has no archive for {}; add one where MODULE.bazel names it".format(package, platform))
        package, integrity = package.format(platform = platform), attr.integrities[platform]

    npm = repository_ctx.which("npm")
    if not npm:
        fail("install npm: {} {} is fetched with it".format(package, attr.version))
    packed = repository_ctx.execute(
        [npm, "pack", "--silent", "--ignore-scripts", "{}@{}".format(package, attr.version)],
        timeout = 300,
    )
    if packed.return_code:
        fail("npm could not fetch {} {}: {}".format(package, attr.version, packed.stderr))
    archive = packed.stdout.strip().split("\n")[-1]

    # The one way to have Bazel compare a file with an integrity.
    repository_ctx.download(
        url = "file://{}".format(repository_ctx.path(archive)),
        output = "checked.tgz",
        integrity = integrity,
    )
    repository_ctx.extract("checked.tgz", stripPrefix = "package")
    repository_ctx.delete("checked.tgz")
    repository_ctx.delete(archive)
    repository_ctx.file("BUILD.bazel", """\
package(default_visibility = ["//visibility:public"])

exports_files(glob(["**"]))
""")

_npm_archive = repository_rule(
    implementation = _npm_archive_impl,
    attrs = {
        "integrities": attr.string_dict(doc = "Integrity by platform, for a package of programs."),
        "integrity": attr.string(doc = "As npm's registry gives it: sha512-…"),
        "package": attr.string(mandatory = True),
        "version": attr.string(mandatory = True),
    },
)

def _npm_impl(module_ctx):
    for module in module_ctx.modules:
        for tag in module.tags.archive:
            _npm_archive(
                name = tag.name,
                integrities = tag.integrities,
                integrity = tag.integrity,
                package = tag.package,
                version = tag.version,
            )
    return module_ctx.extension_metadata(reproducible = True)

npm = module_extension(
    implementation = _npm_impl,
    tag_classes = {
        "archive": tag_class(attrs = {
            "integrities": attr.string_dict(),
            "integrity": attr.string(),
            "name": attr.string(mandatory = True),
            "package": attr.string(mandatory = True),
            "version": attr.string(mandatory = True),
        }),
    },
)
