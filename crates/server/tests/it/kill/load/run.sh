#!/usr/bin/env bash
# The long form of the kills under load: writes docs/measurements/kill.md. `ROUNDS=20 make kill` is a shorter one.
set -euo pipefail
cd "$(dirname "$0")/../../../../../.."
rounds=${ROUNDS:-100}
page=docs/measurements/kill.md
mkdir -p "$(dirname "$page")"
cat >"$page" <<PAGE
# Killed under load

\`ROUNDS=$rounds make kill\` at commit $(git rev-parse --short HEAD) on $(date -u +%F), $(nproc) cores, debug profile.

The program is killed with \`kill -9\` at moments generated from a seed, and restarted, while 200 conversations post like
Meta: each message is repeated until it is answered with 200, then the next follows. The receiver refuses 3 of 100 posts.

| engine | kills | answered with 200 | posts accepted | acknowledged, never delivered | out of order | duplicates, same id | duplicates, another id | time |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
PAGE
KILL_ROUNDS=$rounds KILL_REPORT=$PWD/$page \
  cargo test --locked --package server --test it -- kill::load::under_load --test-threads=1 --nocapture --include-ignored
