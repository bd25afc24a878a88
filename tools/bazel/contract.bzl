"""A service's contract, made from its own binary and its proto files on every build.

The copy that lies in git beside the service (`contract/`) is what reviews, gates and releases read; a test compares the
two and names the command that renews it.
"""

def _contract_impl(ctx):
    # Not the name of the copy in git: where both are laid out for a test, one would hide the other.
    folder = ctx.actions.declare_directory("made_contract")
    ctx.actions.run_shell(
        outputs = [folder],
        inputs = ctx.files.protos,
        tools = [ctx.attr.binary[DefaultInfo].files_to_run, ctx.attr.tool[DefaultInfo].files_to_run],
        arguments = [ctx.executable.binary.path, ctx.executable.tool.path, folder.path, ctx.attr.service],
        command = """set -eu
"$1" --write-contract "$3"
if [ -d "proto/proto/shoal/$4/v1" ]; then
    "$2" proto-docs --package "shoal.$4.v1" --proto-dir proto/proto --out "$3/grpc.md"
fi
""",
        mnemonic = "Contract",
        progress_message = "Writing the contract of " + ctx.attr.service,
    )
    return [DefaultInfo(files = depset([folder]), runfiles = ctx.runfiles([folder]))]

# The programs are those of the target configuration, which the build has anyway.
_contract = rule(
    implementation = _contract_impl,
    attrs = {
        "binary": attr.label(cfg = "target", executable = True, mandatory = True),
        "protos": attr.label(allow_files = True, default = "//proto:protos"),
        "service": attr.string(mandatory = True),
        "tool": attr.label(cfg = "target", default = "//tools/contracts", executable = True),
    },
)

def contract(service, binary):
    """Makes `:contract`, `:contract_test`, which fails when the copy in git is stale, and `:renew`, which renews it.

    Args:
        service: the folder of the service below services/.
        binary: the service's own program.
    """
    _contract(
        name = "contract",
        binary = binary,
        service = service,
        visibility = ["//:__pkg__", "//docs:__subpackages__", "//tools:__subpackages__"],
    )
    arguments = ["services/" + service, "$(rootpath :contract)"]
    native.sh_test(
        name = "contract_test",
        size = "small",
        srcs = ["//tools/bazel:contract_test.sh"],
        args = arguments,
        data = [":contract"] + native.glob(["contract/**"], allow_empty = True),
    )
    native.sh_binary(
        name = "renew",
        srcs = ["//tools/bazel:renew.sh"],
        args = arguments,
        data = [":contract"],
    )
