#!/usr/bin/env bash
# Runs every fuzz target for its share of the executions, one after the other with one job, and writes
# docs/measurements/fuzz.md. A finding ends the run with status 1 and shows how to reproduce it; no page is written then.
#
#   fuzz/run.sh [EXECUTIONS [DOCUMENT]]
set -euo pipefail
cd "$(dirname "$0")/.."

executions=${1:-10500000}
document=${2:-docs/measurements/fuzz.md}
targets=(webhook_body signature graph_answer)
share=$(((executions + ${#targets[@]} - 1) / ${#targets[@]}))
# libFuzzer needs unstable features of the compiler; no shipped program is built with them.
export RUSTC_BOOTSTRAP=1

command -v cargo-fuzz >/dev/null || {
  echo "cargo-fuzz is missing: cargo install --locked cargo-fuzz" >&2
  exit 1
}
commit=$(git rev-parse --short=12 HEAD)
[ -z "$(git status --porcelain --untracked-files=no)" ] || commit="$commit with changes"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
rows=()
total=0
seconds=0
for target in "${targets[@]}"; do
  echo "$target: $share executions"
  mkdir -p "fuzz/corpus/$target"
  if ! cargo fuzz run --sanitizer none "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
    -runs="$share" -dict=fuzz/json.dict -max_len=8192 -print_final_stats=1 >"$log" 2>&1; then
    tail -40 "$log" >&2
    echo "$target has a finding: see above" >&2
    exit 1
  fi
  read -r ran took < <(sed -n 's/^Done \([0-9]*\) runs in \([0-9]*\) second.*/\1 \2/p' "$log")
  covered=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -1)
  rows+=("| \`$target\` | $ran | $took | $covered |")
  total=$((total + ran))
  seconds=$((seconds + took))
done

mkdir -p "$(dirname "$document")"
{
  cat <<TEXT
# Fuzzing

Written by \`make fuzz\`; do not edit. Every parser of outside input reads arbitrary bytes, mutated from the seeds in \`fuzz/seeds/\`.
The checked properties are in \`crates/graph-api/src/harness.rs\`; ordinary tests run the seeds too.

- $(date -u '+%Y-%m-%d %H:%M UTC'), commit $commit
- $(rustc --version | cut -d' ' -f1,2), $(cargo fuzz --version), one job, debug assertions and overflow checks on

| target | executions | seconds | branches covered |
|---|---|---|---|
$(printf '%s\n' "${rows[@]}")
| all | $total | $seconds | |

Findings of this run: none.

Findings of earlier runs and of writing the targets, each fixed with a test and kept as a seed: the full parse of a change counted a
status with a zero byte and a number outside \`metadata\`, but the quick look did not; a zero byte in Graph's list of accounts or
webhook fields reached the database, which PostgreSQL refuses.
TEXT
} >"$document"
echo "written: $document"
