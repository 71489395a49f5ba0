#!/usr/bin/env bash
# Installs what the peers need, pinned, into folders git does not see. Needs Python 3.11 with venv, Node 20 with npm,
# and a C++ compiler for better-sqlite3 where it brings no built module.
set -euo pipefail
cd "$(dirname "$0")"

python3 -m venv pywa/.venv
pywa/.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --requirement pywa/requirements.txt
(cd node && npm ci --no-audit --no-fund --loglevel=error)

PEER_DATABASE=:memory: PEER_APP_SECRET=x PEER_VERIFY_TOKEN=x PYTHONPATH=pywa PYTHONDONTWRITEBYTECODE=1 \
  pywa/.venv/bin/python -c 'import receiver'
(cd node && node -e 'require("fastify"); new (require("better-sqlite3"))(":memory:")')
echo "The peers are installed."
