#!/usr/bin/env bash
# Fails when a service's contract in git is not the one that its code makes.
#
# usage: contract_test.sh FOLDER_OF_THE_SERVICE MADE_CONTRACT
set -euo pipefail

service=$1 made=$2
if ! diff --recursive --unified=2 "$service/contract" "$made"; then
    echo
    echo "The contract of ${service##*/} in git (-) is not the one that its code makes (+). Renew it, and review the difference:"
    echo "    ./bazelw run //$service:renew"
    exit 1
fi
