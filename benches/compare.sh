#!/usr/bin/env bash
# Times the funnel workload here and in JAX, interleaved, on this machine: several processes each, medians.
#
#   benches/compare.sh [PYTHON] [ROUNDS]
#
# The plain JAX program compiles anew for every number of samples; PLAIN_ITERATIONS (60) of it are timed, SKIP_PLAIN=1
# leaves it out. PYTHON (python3) must have jax, optax and numpy. Close other programs first; a busy machine favours nobody evenly.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${1:-python3}
rounds=${2:-3}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

cargo bench -q -p latents --bench funnel_speed --no-run
ours() { cargo bench -q -p latents --bench funnel_speed -- "$@" | grep '^{'; }

for _ in $(seq "$rounds"); do
  ours >>"$out/ours"
  for mode in scan packed; do
    "$python" benches/peers/funnel_jax.py "$mode" | tail -n 1 >>"$out/$mode"
  done
  ours >>"$out/ours"
done
ours cold >>"$out/cold"
if [ -z "${SKIP_PLAIN:-}" ]; then
  "$python" benches/peers/funnel_jax.py plain --iterations "${PLAIN_ITERATIONS:-60}" | tail -n 1 >>"$out/plain"
fi

"$python" - "$out" <<'PY'
import json, pathlib, statistics, sys

runs = {p.name: [json.loads(line) for line in p.read_text().splitlines()] for p in pathlib.Path(sys.argv[1]).iterdir()}
rate = {name: statistics.median(r["iterations_per_second"] for r in rows) for name, rows in runs.items()}
best = max((rate[m], m) for m in ("scan", "packed"))
print("| what | iterations/s, median |\n|---|---|")
for name in ("ours", "scan", "packed"):
    print(f"| {name} | {rate[name]:,.0f} |")
print(f"\nours / best JAX form ({best[1]}): {rate['ours'] / best[0]:.1f}")
cold = runs["cold"][0]
print(f"first {cold['iterations']:,} iterations from cold, ours: {cold['seconds']:.2f} s; "
      f"first step after {1e3 * cold['first_step_seconds']:.0f} ms; peak memory {cold['peak_memory_mb']:.0f} MB")
if "plain" in runs:
    plain = runs["plain"][0]
    print(f"first {plain['iterations']:,} iterations from cold, plain JAX: {plain['seconds']:.0f} s "
          f"({plain['compile_seconds']:.0f} s compiling)")
PY
