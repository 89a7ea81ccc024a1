"""Ours and the peers on the same works, interleaved, several processes each, medians: prints a table in Markdown.

Run by compare.sh; README.md beside this file tells the settings, which are environment variables.
"""
import json
import os
import statistics
import subprocess
import sys
from collections import defaultdict
from importlib.util import find_spec
from pathlib import Path

PEERS = Path(__file__).parent / "peers"
ROUNDS = int(os.environ.get("ROUNDS", "3"))
SECONDS = os.environ.get("SECONDS_EACH", "3")
ALLOCATOR = os.environ.get("TUNED_ALLOCATOR")
BINARIES = os.environ.get("BINARIES")
WITH = os.environ.get("PEERS", "jax torch").split()
PLAIN_ITERATIONS = os.environ.get("PLAIN_ITERATIONS", "60")
# The form that most programs would have: one compiled call for each step, or each chunk of images.
PLAIN_FORM = {"iwae20": "jit", "iwae100": "jit", "elbo100": "jit", "sumo100": "packed", "evidence": "vmap",
              "evidence100000": "vmap"}
FUNNEL_FORMS = ["scan", "packed"]
TUNED = "jax, tuned allocator"


def run(command, env=None):
    """The last line that a process prints, which is JSON; nothing if it fails."""
    done = subprocess.run([str(c) for c in command], env={**os.environ, **(env or {})}, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)
    shown = " ".join(str(c) for c in command[-4:])
    if done.returncode:
        print(f"failed ({done.returncode}): {shown}\n{done.stderr[-2000:]}", file=sys.stderr)
        return None
    line = done.stdout.splitlines()[-1]
    print(f"{shown}: {line}", file=sys.stderr, flush=True)
    return json.loads(line)


def executable(bench):
    if BINARIES:
        if not (path := Path(BINARIES) / bench).is_file():
            raise SystemExit(f"BINARIES: no file {path}")
        return path
    command = ["cargo", "bench", "-q", "-p", "latents", "--bench", bench, "--no-run", "--message-format=json"]
    lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    found = [m["executable"] for m in map(json.loads, lines) if m.get("target", {}).get("name") == bench]
    return next(path for path in reversed(found) if path)


def normal(line):
    """The funnel's lines say iterations_per_second."""
    return line if "rate" in line else {**line, "rate": line["iterations_per_second"], "unit": "iterations/s"}


def forms(script):
    return json.loads(subprocess.run([sys.executable, PEERS / script, "--list"], check=True, stdout=subprocess.PIPE).stdout)


def commands(work, bench, jax, torch):
    """Who takes part in a work: (peer, form), command, environment."""
    if work == "funnel":
        ours = [bench["funnel_speed"]]
        peers = [("jax", form, [sys.executable, PEERS / "funnel_jax.py", form]) for form in FUNNEL_FORMS if "jax" in WITH]
    else:
        ours = [bench["works"], work, SECONDS]
        def peer(name, form):
            return name, form, [sys.executable, PEERS / f"iwae_{name}.py", work, form, "--seconds", SECONDS]
        peers = [peer("jax", form) for form in jax[work] if "jax" in WITH] + [peer("torch", form) for form in torch.get(work, ())]
    out = [(("ours", ""), ours, None)]
    for name, form, command in peers:
        out.append(((name, form), command, None))
        if name == "jax" and ALLOCATOR:
            out.append(((TUNED, form), command, {"LD_PRELOAD": ALLOCATOR}))
    return out + out[:1]  # ours before and after the peers


def median(lines, what):
    values = [line[what] for line in lines if line.get(what) is not None]
    return statistics.median(values) if values else None


def show(value, digits=3):
    """So many significant digits, all of those before the point."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if value >= 10 ** (digits - 1) else f"{value:#.{digits}g}".rstrip(".")


def best(results, peer):
    """(rate, form, memory) of a peer's fastest form; Nones where there is none."""
    found = [(median(lines, "rate"), form, median(lines, "peak_memory_mb")) for (p, form), lines in results.items() if p == peer]
    return max(found, default=(None, None, None))


def row(work, results, peer):
    ours = results["ours", ""]
    rate, unit = median(ours, "rate"), next((line["unit"] for line in ours), "")
    jax, form, memory = best(results, peer)
    torch, torch_form, _ = best(results, "torch")
    plain = median(results.get((peer, PLAIN_FORM.get(work)), []), "rate")
    share = median(ours, "share")
    named = work if peer == "jax" else f"{work}, {peer}"
    times = f"{rate / jax:.2f}" if rate and jax else "–"
    return [
        f"{named} ({unit})", show(rate), f"{show(jax)} ({form})" if jax else "–", show(plain),
        f"{show(torch)} ({torch_form})" if torch and peer == "jax" else "–", times,
        f"{100 * share:.0f} %" if share is not None else "–",
        f"{show(median(ours, 'peak_memory_mb'))} / {show(memory)} MB",
    ]


def all_forms(results):
    """Every form's median with its range."""
    for (peer, form), lines in results.items():
        if peer == "ours" or not lines:
            continue
        rates = sorted(line["rate"] for line in lines)
        yield [f"{peer} {form}", show(median(lines, "rate")), f"{show(rates[0])} to {show(rates[-1])}",
               show(median(lines, "compile_seconds")) + " s", show(median(lines, "peak_memory_mb")) + " MB"]


def table(titles, rows):
    print("| " + " | ".join(titles) + " |\n|" + "---|" * len(titles))
    for cells in rows:
        print("| " + " | ".join(cells) + " |")
    print(flush=True)


def cold(bench):
    ours = run([bench["funnel_speed"], "cold"])
    plain = run([sys.executable, PEERS / "funnel_jax.py", "plain", "--iterations", PLAIN_ITERATIONS])
    if ours:
        print(f"funnel, first {ours['iterations']:,} iterations from cold, ours: {ours['seconds']:.2f} s; first step after "
              f"{1e3 * ours['first_step_seconds']:.0f} ms; peak memory {ours['peak_memory_mb']:.0f} MB")
    if plain:
        print(f"funnel, first {plain['iterations']:,} iterations from cold, plain JAX: {plain['seconds']:.0f} s "
              f"({plain['compile_seconds']:.0f} s compiling)")


def main():
    if unknown := set(WITH) - {"jax", "torch"}:
        raise SystemExit(f"PEERS: {', '.join(sorted(unknown))}; there are jax and torch")
    jax = forms("iwae_jax.py")
    torch = forms("iwae_torch.py") if "torch" in WITH and find_spec("torch") else {}
    everything = ["funnel", *jax, "cold"]
    works = os.environ.get("WORKS", " ".join(everything)).split()
    if unknown := set(works) - set(everything):
        raise SystemExit(f"unknown: {', '.join(sorted(unknown))}; works: {', '.join(everything)}")
    if ALLOCATOR and not Path(ALLOCATOR).is_file():
        raise SystemExit(f"TUNED_ALLOCATOR: no file {ALLOCATOR}")
    bench = {name: executable(name) for name in ("works", "funnel_speed")}
    timed = [work for work in works if work != "cold"]
    results = {work: defaultdict(list) for work in timed}
    for number in range(ROUNDS):
        for work in timed:
            print(f"round {number + 1} of {ROUNDS}: {work}", file=sys.stderr, flush=True)
            for who, command, env in commands(work, bench, jax, torch):
                if (line := run(command, env)) is not None:
                    results[work][who].append(normal(line))
    titles = ["work", "ours", "best JAX form", "JAX plain `jit`", "PyTorch", "ours / best JAX", "share of peak (ours)",
              "peak memory ours / JAX"]
    peers = ["jax", TUNED] if ALLOCATOR else ["jax"]
    if timed:
        table(titles, [row(work, results[work], peer) for peer in peers for work in timed])
        table(["form", "median", "from, to", "compiling", "peak memory"],
              [[f"{work}: {cells[0]}", *cells[1:]] for work in timed for cells in all_forms(results[work])])
    if "cold" in works:
        cold(bench)


if __name__ == "__main__":
    main()
