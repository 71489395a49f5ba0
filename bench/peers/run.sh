#!/usr/bin/env bash
# Runs one peer in the foreground until it is ended: run.sh pywa, or run.sh node. It listens on 127.0.0.1 and takes
# PEER_PORT, PEER_DATABASE, PEER_APP_SECRET and PEER_VERIFY_TOKEN from the environment.
set -euo pipefail
cd "$(dirname "$0")"

case "${1:-}" in
pywa)
  cd pywa
  PYTHONDONTWRITEBYTECODE=1 exec .venv/bin/python -m uvicorn receiver:app --host 127.0.0.1 --port "$PEER_PORT" --workers 2 \
    --loop uvloop --http httptools --no-access-log --log-level warning
  ;;
node)
  cd node
  exec node receiver.cjs
  ;;
*)
  echo "run.sh pywa, or run.sh node" >&2
  exit 2
  ;;
esac
