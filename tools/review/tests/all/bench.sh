#!/usr/bin/env bash
# A benchmark: what `cost` says, with noise that is the same in every run of the tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
[[ ! -e crashing ]] || { echo "the platform did not start" >&2; exit 9; }
[[ ! -e hanging ]] || { echo $$ >"$SHOAL_CACHE/hanging"; sleep 600; }
count=$(cat "$SHOAL_CACHE/runs" 2>/dev/null || echo 0)
echo $((count + 1)) >"$SHOAL_CACHE/runs"
basename "$PWD" >>"$SHOAL_CACHE/order"
awk -v cost="$(cat cost)" -v noise="$(cat noise)" -v run="$count" 'BEGIN {
    state = run * 7919 + 13
    for (i = 0; i < 12; i++) state = (state * state + run * 17 + 1) % 1000003
    value = cost * (1 + noise / 100 * (state / 500001.5 - 1))
    printf "measuring\n{\"figure\":\"read: p99\",\"value\":%.6f,\"unit\":\"ms\",\"better\":\"lower\"}\n", value
    printf "{\"figure\":\"read: rate\",\"value\":%.6f,\"unit\":\"requests/s\",\"better\":\"higher\"}\n", 1000 / value
}'
