#!/usr/bin/env bash
# What release builds say about where they come from. Bazel runs it for --config=release alone, so that no other build
# is made anew by a commit. Without history there is no release build.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

refuse() {
    echo "workspace_status: a release build must know its commit, and $1; leave --config=release away, or use a clone" >&2
    exit 1
}
sha=$(git rev-parse --verify HEAD 2>/dev/null) || refuse "this is no git repository with a commit"
state=$(git status --porcelain --untracked-files=normal) || refuse "git cannot tell what changed"
dirty=${state:+-dirty}
day=$(TZ=UTC0 git log -1 --date=format-local:%Y%m%d --format=%cd)

echo "STABLE_SHOAL_GIT_SHA $sha$dirty"
echo "STABLE_SHOAL_CREATED $(TZ=UTC0 git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd)"
# The metadata of the module's own tag on this commit; of other commits, day and commit.
tags=$(git tag --points-at HEAD)
for folder in services/*/; do
    name=$(basename "$folder")
    tag=$(grep "^$name/v.*+build-" <<<"$tags" | tail -n 1 || true)
    build=build-$day-${sha:0:7}
    if [[ -n $tag ]]; then
        build=${tag##*+}
    fi
    echo "STABLE_SHOAL_BUILD_${name^^} $build$dirty"
done
