#!/usr/bin/env bash
# Installs the pinned dependencies of both peers, or of those that are named (setup.sh pywa), into folders that git ignores.
# Needs Python 3.11 with venv, Node 20 with npm, and a C++ compiler if better-sqlite3 has no prebuilt module.
set -euo pipefail
cd "$(dirname "$0")"

install_pywa() {
  python3 -m venv pywa/.venv
  pywa/.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --requirement pywa/requirements.txt
  PEER_DATABASE=:memory: PEER_APP_SECRET=x PEER_VERIFY_TOKEN=x PYTHONPATH=pywa PYTHONDONTWRITEBYTECODE=1 \
    pywa/.venv/bin/python -c 'import consumer, receiver'
}

install_node() {
  (
    cd node
    npm ci --no-audit --no-fund --loglevel=error
    node -e 'require("fastify"); new (require("better-sqlite3"))(":memory:")'
  )
}

[ $# -gt 0 ] || set -- pywa node
for peer in "$@"; do
  case "$peer" in
  pywa | node) "install_$peer" ;;
  *)
    echo "setup.sh: unknown peer \"$peer\"; use setup.sh, setup.sh pywa, or setup.sh node" >&2
    exit 2
    ;;
  esac
  echo "Installed: $peer."
done
