"""Reads what Cargo's manifests say, so that no BUILD file says it again.

The module extension makes the repository `@cargo_workspace`, whose `defs.bzl` holds

- `MEMBERS`: for each package of the workspace, by its Bazel package: the Cargo name and version, and the members that
  it depends on (normal, dev and build dependencies);
- `LINT_FLAGS`: the workspace's lint list as rustc flags.

crate_universe does the same for third-party crates; it leaves out the members and, in this release, the lints.
The TOML that is understood is the part that this workspace uses; `tools/bazel/agree` compares the outcome with
`cargo metadata`.
"""

_LEVELS = {
    "allow": "-A",
    "deny": "-D",
    "forbid": "-F",
    "warn": "-W",
}

_DEPENDENCIES = {
    "build-dependencies": "build",
    "dependencies": "normal",
    "dev-dependencies": "dev",
}

def _sections(text):
    """Splits TOML into sections: header to a list of (key, value) pairs, both as written."""
    sections = {}
    header = ""
    for line in text.split("\n"):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            header = line.strip("[]").strip()
        elif "=" in line:
            key, _, value = line.partition("=")
            sections.setdefault(header, []).append((key.strip(), value.strip()))
    return sections

def _quoted(value):
    """The first quoted string in a TOML value."""
    parts = value.split('"')
    return parts[1] if len(parts) > 2 else ""

def _after(value, key):
    """What follows `key =` in an inline table, or an empty string."""
    for field in value.strip("{} ").split(","):
        name, _, rest = field.partition("=")
        if name.strip() == key:
            return rest.strip()
    return ""

def _lint_flags(sections):
    """The workspace's lints, groups of a lower priority first, as rustc takes the last word."""
    entries = []
    for tool, prefix in (("rust", ""), ("clippy", "clippy::")):
        for key, value in sections.get("workspace.lints." + tool, []):
            table = value.startswith("{")
            level = _quoted(_after(value, "level") if table else value)
            priority = int(_after(value, "priority") or "0") if table else 0
            entries.append((priority, _LEVELS[level] + prefix + key))
    return [flag for _, flag in sorted(entries, key = lambda entry: entry[0])]

def _member(package, sections):
    facts = dict(sections.get("package", []))
    dependencies = {"build": [], "dev": [], "normal": []}
    for header, kind in _DEPENDENCIES.items():
        for key, _ in sections.get(header, []):
            dependencies[kind].append(key.partition(".")[0])
        for other in sections:
            if other.startswith(header + "."):
                dependencies[kind].append(other[len(header) + 1:])
    return struct(
        package = package,
        name = _quoted(facts["name"]),
        version = _quoted(facts["version"]),
        dependencies = dependencies,
    )

def _cargo_workspace_impl(module_ctx):
    root = None
    members = []
    for module in module_ctx.modules:
        for tag in module.tags.read:
            for manifest in tag.manifests:
                sections = _sections(module_ctx.read(manifest))
                if "workspace" in sections:
                    root = sections
                if "package" in sections:
                    members.append(_member(manifest.package, sections))

    package_of = {member.name: member.package for member in members}
    facts = {
        member.package: {
            "name": member.name,
            "version": member.version,
        } | {
            kind: sorted(["//" + package_of[name] for name in names if name in package_of])
            for kind, names in member.dependencies.items()
        }
        for member in members
    }
    _facts_repository(
        name = "cargo_workspace",
        content = "MEMBERS = {}\n\nLINT_FLAGS = {}\n".format(
            json.encode_indent(facts, indent = "    "),
            json.encode_indent(_lint_flags(root), indent = "    "),
        ),
    )
    return module_ctx.extension_metadata(reproducible = True)

def _facts_repository_impl(repository_ctx):
    repository_ctx.file("BUILD.bazel", "")
    repository_ctx.file("defs.bzl", '"""Made by //tools/bazel:cargo_workspace.bzl."""\n\n' + repository_ctx.attr.content)

_facts_repository = repository_rule(
    implementation = _facts_repository_impl,
    attrs = {"content": attr.string(mandatory = True)},
)

cargo_workspace = module_extension(
    implementation = _cargo_workspace_impl,
    tag_classes = {
        "read": tag_class(attrs = {
            "manifests": attr.label_list(
                doc = "The workspace's manifest and those of all its members.",
                mandatory = True,
            ),
        }),
    },
)
