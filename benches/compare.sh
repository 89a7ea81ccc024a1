#!/usr/bin/env bash
# Times our works and the peers' interleaved on this machine, and prints a table; see benches/README.md.
set -euo pipefail
cd "$(dirname "$0")/.."
exec "${PYTHON:-python3}" benches/compare.py
