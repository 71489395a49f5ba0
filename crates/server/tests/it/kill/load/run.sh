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

The program is ended by \`kill -9\` at moments drawn from a seed, and started again, while 200 conversations post as
Meta does: each message until it is answered with 200, then the next. The receiver refuses 3 of 100 posts.

| what | kills | answered with 200 | posts taken | answered and never delivered | out of order | again, same id | again, another id | took |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
PAGE
LINEKEEPER_KILL_ROUNDS=$rounds LINEKEEPER_KILL_REPORT=$PWD/$page \
  cargo test --locked --package server --test it -- kill::load::under_load --test-threads=1 --nocapture --include-ignored
