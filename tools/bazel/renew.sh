#!/usr/bin/env bash
# Puts the contracts that the code makes in the place of those in git.
#
# usage: renew.sh (FOLDER_OF_THE_SERVICE MADE_CONTRACT)...      through `./bazelw run`
set -euo pipefail

root=${BUILD_WORKSPACE_DIRECTORY:?run it through ./bazelw run}
while (($#)); do
    target=$root/$1/contract
    rm -rf "$target.part"
    cp --recursive --dereference --no-preserve=mode "$2" "$target.part"
    rm -rf "$target"
    mv "$target.part" "$target"
    echo "renewed $1/contract"
    shift 2
done
