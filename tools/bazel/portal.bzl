"""The documentation portal: one static site of every service's contract and of the repository's own pages."""

load("@cargo_workspace//:defs.bzl", "MEMBERS")

_SERVICES = [package for package in MEMBERS if package.startswith("services/")]
_TOOLS = [package for package in MEMBERS if package.startswith("tools/")]

def _portal_impl(ctx):
    site = ctx.actions.declare_directory(ctx.label.name)
    arguments = ctx.actions.args()
    arguments.add("build")
    arguments.add("--quiet")
    for contract in ctx.attr.contracts:
        folder = contract[DefaultInfo].files.to_list()[0]
        service = contract.label.package.rpartition("/")[2]
        arguments.add("--contract", "{}={}".format(service, folder.path))
    for name, label in (("scalar", ctx.file.scalar), ("minisearch", ctx.file.minisearch)):
        # The package's folder, which holds its package.json.
        arguments.add("--asset", "{}={}".format(name, label.dirname))
    arguments.add("--out", site.path)
    ctx.actions.run(
        outputs = [site],
        inputs = depset(ctx.files.contracts + ctx.files.pages + ctx.files.components + [ctx.file.scalar, ctx.file.minisearch]),
        executable = ctx.executable.tool,
        arguments = [arguments],
        mnemonic = "Portal",
        progress_message = "Building the portal",
    )
    return [DefaultInfo(files = depset([site]), runfiles = ctx.runfiles([site]))]

_portal = rule(
    implementation = _portal_impl,
    attrs = {
        "components": attr.label_list(allow_files = True),
        "contracts": attr.label_list(),
        "minisearch": attr.label(allow_single_file = True, default = "@npm_minisearch//:package.json"),
        "pages": attr.label_list(allow_files = True),
        "scalar": attr.label(allow_single_file = True, default = "@npm_scalar//:package.json"),
        "tool": attr.label(cfg = "target", default = "//tools/portal", executable = True),
    },
)

def portal(name, pages):
    """Makes the site.

    Args:
        name: of the target.
        pages: the repository's own pages; those of services and tools are added, as are the contracts.
    """
    _portal(
        name = name,
        components = [
            "@npm_minisearch//:dist/umd/index.js",
            "@npm_scalar//:dist/browser/standalone.js",
        ],
        contracts = ["//{}:contract".format(package) for package in _SERVICES],
        pages = pages + ["//{}:pages".format(package) for package in _SERVICES + _TOOLS],
        visibility = ["//tools:__subpackages__"],
    )
