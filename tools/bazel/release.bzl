"""What of a service is released: its own program, which says from which commit it is, and the labels of its image.

Only builds with --config=release know their commit, and only these leaves of the build carry it: all other builds, and
everything below the leaves, stay as they are when somebody commits.
"""

_STAMPED = "//tools/bazel:stamped"

def stamped_env(service, env):
    """The environment of the compiler for a service's own program.

    Args:
        service: the folder of the service below services/.
        env: what is set in any case.

    Returns:
        `env`, with the commit and the build in release builds; libs/service reads them.
    """
    return select({
        _STAMPED: env | {
            "SHOAL_BUILD": "{STABLE_SHOAL_BUILD_%s}" % service.upper(),
            "SHOAL_GIT_SHA": "{STABLE_SHOAL_GIT_SHA}",
        },
        "//conditions:default": env,
    })

def _image_labels_impl(ctx):
    labels = ctx.actions.declare_file(ctx.label.name + ".json")
    known = {
        "org.opencontainers.image.title": "shoal/" + ctx.attr.service,
        "org.opencontainers.image.version": ctx.attr.version,
        "org.opencontainers.image.licenses": "Apache-2.0",
    }
    if not ctx.attr.stamped:
        ctx.actions.write(labels, json.encode_indent(known, indent = "  ") + "\n")
        return [DefaultInfo(files = depset([labels]))]
    template = ctx.actions.declare_file(ctx.label.name + ".template.json")
    asked = known | {
        "org.opencontainers.image.created": "{STABLE_SHOAL_CREATED}",
        "org.opencontainers.image.revision": "{STABLE_SHOAL_GIT_SHA}",
        "org.opencontainers.image.version": ctx.attr.version + "+{STABLE_SHOAL_BUILD_%s}" % ctx.attr.service.upper(),
    }
    ctx.actions.write(template, json.encode_indent(asked, indent = "  ") + "\n")
    ctx.actions.run_shell(
        outputs = [labels],
        inputs = [template, ctx.info_file],
        arguments = [ctx.info_file.path, template.path, labels.path],
        command = """set -eu
text=$(cat "$2")
while read -r key value; do
    text=${text//"{$key}"/$value}
done <"$1"
printf '%s\\n' "$text" >"$3"
""",
        mnemonic = "ImageLabels",
        progress_message = "Writing the image labels of " + ctx.attr.service,
    )
    return [DefaultInfo(files = depset([labels]))]

_image_labels = rule(
    implementation = _image_labels_impl,
    attrs = {
        "service": attr.string(mandatory = True),
        "stamped": attr.bool(mandatory = True),
        "version": attr.string(mandatory = True),
    },
)

def release(service, version, binary):
    """Makes `:image-labels` (a JSON object of OCI annotations) and `:release` (program, labels and contract).

    Args:
        service: the folder of the service below services/.
        version: its version.
        binary: the service's own program.
    """
    _image_labels(
        name = "image-labels",
        service = service,
        stamped = select({
            _STAMPED: True,
            "//conditions:default": False,
        }),
        version = version,
    )
    native.filegroup(
        name = "release",
        srcs = [
            binary,
            ":contract",
            ":image-labels",
        ],
    )
