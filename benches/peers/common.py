"""What the peers share: the works, stopping times, the clock, the line they print, and the objectives in plain NumPy.

The model is that of Burda et al. (2016): binary images of 784 pixels, encoder 784-200-200 with heads for the mean and
the log-variance of 50 latent numbers (log-variance bounded as 20 tanh(v / 20)), decoder 50-200-200-784 with Bernoulli
logits, tanh, float32, Adam at 1e-3, random weights and random images (what they show does not matter to the arithmetic).
"""
import argparse
import json
import statistics
import time
from dataclasses import dataclass

import numpy as np

PIXELS, HIDDEN, LATENT = 784, 200, 50
BOUND = 20.0  # log-variances lie in (-BOUND, BOUND)
LEARNING_RATE = 1e-3
ALPHA, RATE = 80, 0.9  # P(J >= j) = 1/j below 80, then geometric
SUMO_M = 10


@dataclass(frozen=True)
class Work:
    batch: int
    samples: int  # of each image; 0: as SUMO draws
    training: bool = True


WORKS = {
    "iwae20": Work(20, 50),
    "iwae100": Work(100, 50),
    "elbo100": Work(100, 1),
    "sumo100": Work(100, 0),
    "evidence": Work(20, 5_000, training=False),
    "evidence100000": Work(1, 100_000, training=False),
}


def stopping_times(rng, shape):
    """J >= 1 with P(J >= j) = 1/j for j < 80, (1/80) 0.9^(j-80) from there on; u in (0, 1]."""
    u = 1.0 - rng.random(shape)
    with np.errstate(invalid="ignore"):
        tail = ALPHA + np.floor(np.log(ALPHA * u) / np.log(RATE))
    return np.where(u > 1 / ALPHA, np.floor(1 / u), tail).astype(np.int32)


def survival(j):
    """P(J >= j), for j in an array of NumPy."""
    return np.where(j < ALPHA, 1.0 / np.maximum(j, 1), RATE ** (np.maximum(j, ALPHA) - ALPHA) / ALPHA)


def bucket_of(needed, buckets):
    """Index of the smallest bucket that holds each."""
    index = np.searchsorted(buckets, needed)
    if index.max() >= len(buckets):
        raise SystemExit(f"a step needs {needed.max()}, more than the largest bucket {buckets[-1]}")
    return index.astype(np.int32)


def images(n, pixels=PIXELS):
    return (np.random.default_rng(7).random((n, pixels)) < 0.13).astype(np.float32)


def init_params(seed, pixels=PIXELS, hidden=HIDDEN, latent=LATENT):
    """Weights [in, out] and biases of both networks; the encoder's last layer holds both heads."""
    rng = np.random.default_rng(seed)

    def net(*sizes):
        pairs = zip(sizes[:-1], sizes[1:])
        return [(rng.normal(size=(i, o)).astype(np.float32) / np.float32(i**0.5), np.zeros(o, np.float32)) for i, o in pairs]

    return {"encoder": net(pixels, hidden, hidden, 2 * latent), "decoder": net(latent, hidden, hidden, pixels)}


# --- the clock, and what is printed ---------------------------------------------------------------------------------
def measure(run, seconds):
    """Calls a second of run(calls), which waits for its results: the median of slices of a fifth of the time each.

    From here on counts the peak of memory: what compiling and searching took before is forgotten.
    """
    run(1)
    forget_peak_memory()
    start = time.perf_counter()
    run(1)
    calls = max(1, int(seconds / 5 / (time.perf_counter() - start)))
    rates = []
    for _ in range(5):
        start = time.perf_counter()
        run(calls)
        rates.append(calls / (time.perf_counter() - start))
    return statistics.median(rates)


def forget_peak_memory():
    with open("/proc/self/clear_refs", "w") as peak:
        peak.write("5")


def peak_memory_mb():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 1024


def arguments(description, forms):
    """WORK FORM, checked against forms: {work: [form, ..]}."""
    shown = "; ".join(f"{work}: {', '.join(names)}" for work, names in forms.items())
    p = argparse.ArgumentParser(description=description, epilog=shown)
    p.add_argument("work", nargs="?", choices=list(forms))
    p.add_argument("form", nargs="?")
    p.add_argument("--seconds", type=float, default=3.0)
    p.add_argument("--check", action="store_true", help="compare with plain NumPy on a tiny case, and time nothing")
    p.add_argument("--list", action="store_true", help="print the forms of every work as JSON")
    args = p.parse_args()
    if args.list:
        print(json.dumps(forms))
        raise SystemExit
    if not args.check and args.form not in forms.get(args.work, ()):
        p.error(f"give a work and one of its forms ({shown})")
    return args


def report(peer, args, rate, compile_seconds, **extra):
    """rate: steps or images a second."""
    print(json.dumps({
        "peer": peer,
        "work": args.work,
        "form": args.form,
        "rate": round(rate, 2),
        "unit": "steps/s" if WORKS[args.work].training else "images/s",
        "compile_seconds": round(compile_seconds, 2),
        "peak_memory_mb": round(peak_memory_mb(), 1),
        **extra,
    }))


# --- the objectives in plain NumPy, float64, one example and one sample at a time -------------------------------------
def reference_log_weights(params, x, eps):
    """log p(x, z) - log q(z | x) for each row of eps, x: [pixels]."""
    def net(layers, h):
        for w, b in layers[:-1]:
            h = np.tanh(h @ np.float64(w) + b)
        w, b = layers[-1]
        return h @ np.float64(w) + b

    def log_normal(v, mean, std):
        return np.sum(-0.5 * np.log(2 * np.pi) - np.log(std) - 0.5 * ((v - mean) / std) ** 2)

    mean, raw = np.split(net(params["encoder"], np.float64(x)), 2)
    std = np.exp(0.5 * BOUND * np.tanh(raw / BOUND))
    out = []
    for e in np.float64(eps):
        z = mean + std * e
        p = 1 / (1 + np.exp(-net(params["decoder"], z)))
        log_likelihood = np.sum(np.where(x > 0, np.log(p), np.log(1 - p)))
        out.append(log_likelihood + log_normal(z, 0.0, 1.0) - log_normal(z, mean, std))
    return np.array(out)


def reference_iwae(log_w):
    return np.log(np.mean(np.exp(log_w - log_w.max()))) + log_w.max()


def reference_sumo(log_w, m):
    """log_w: of m + J samples."""
    value = reference_iwae(log_w[:m])
    for j in range(1, len(log_w) - m + 1):
        value += (reference_iwae(log_w[: m + j]) - reference_iwae(log_w[: m + j - 1])) / survival(np.array(j))
    return value


def close(what, found, expected, tolerance=1e-4):
    error = np.max(np.abs(np.float64(found) - expected) / (1 + np.abs(expected)))
    print(f"{what}: relative difference {error:.1e}")
    if not error < tolerance:
        raise SystemExit(f"{what}: {found} where {expected} was expected")
