#!/usr/bin/env bash
# Runs one peer in the foreground until it is stopped: run.sh pywa, run.sh node, or run.sh consumer (pywa with its own
# route). The peer listens on 127.0.0.1. It reads PEER_PORT, PEER_APP_SECRET and PEER_VERIFY_TOKEN from the environment,
# and PEER_DATABASE, except for the consumer.
set -euo pipefail
cd "$(dirname "$0")"

case "${1:-}" in
pywa)
  cd pywa
  PYTHONDONTWRITEBYTECODE=1 exec .venv/bin/python -m uvicorn receiver:app --host 127.0.0.1 --port "$PEER_PORT" --workers 2 \
    --loop uvloop --http httptools --no-access-log --log-level warning
  ;;
consumer)
  cd pywa
  PYTHONDONTWRITEBYTECODE=1 exec .venv/bin/python -m uvicorn consumer:app --host 127.0.0.1 --port "$PEER_PORT" \
    --no-access-log --log-level warning
  ;;
node)
  cd node
  exec node receiver.cjs
  ;;
*)
  echo "run.sh pywa, run.sh node, or run.sh consumer" >&2
  exit 2
  ;;
esac
