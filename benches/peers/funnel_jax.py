#!/usr/bin/env python3
"""Density matching of the funnel with SUMO in JAX: the peer that `latents` is timed against.

Workload. Target: x0 ~ N(0, exp(2 x1)), x1 ~ N(0, 1.35^2). Model: p(x) = int p(x|z) p(z) dz with z in R^8, decoder and
proposal q(z|x) each one hidden layer of 128 tanh units with Gaussian heads (mean, log-variance bounded smoothly).
One iteration is one decoder update (minimise SUMO - log p*(x) on 32 reparameterised model samples) and then one encoder
update (minimise SUMO^2 on 32 fresh ones), each with its own samples and stopping times, each by Adam. SUMO:

    L_m + sum_{j=1..J} (L_{m+j} - L_{m+j-1}) / P(J >= j),    m = 4,   P(J >= j) = 1/j below 80, then geometric (0.9).

Modes, all of the same mathematics:

    plain    `jit` with the number of samples K = m + J static and one J shared by the batch, as a direct port writes it:
             every new K is traced and compiled. Timed from a cold start: this is what a user waits for.
    scan     `lax.scan` over steps and `lax.switch` over buckets of K (rounded up, masked), one J shared by the batch.
    packed   `lax.scan`, each example its own J: rows of all examples packed, total rounded up to a bucket.
    padded   `lax.scan`, each example its own J, every example padded to the longest of the whole run.

`packed` and `padded` draw J per example, which is what `latents` does; `plain` and `scan` do not (same expected rows:
32 * (4 + 5.08)). Stopping times are drawn in advance with NumPy, outside the timed part. CPU, float32.

Prints one line of JSON: mode, iterations, seconds, compile_seconds, iterations_per_second, and the settings.
For plain, seconds is the wall time of all iterations from cold, compilation included, and compile_seconds its part
spent tracing, lowering and compiling. For the others compilation happens before the clock starts, and seconds is the
median over `--repeats` runs of `--iterations` iterations.
"""
import argparse
import json
import os
import statistics
import time

os.environ.setdefault("JAX_PLATFORMS", "cpu")
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
import optax  # noqa: E402
from common import ALPHA, RATE, bucket_of, forget_peak_memory, peak_memory_mb, stopping_times  # noqa: E402

LATENT, HIDDEN, BATCH, M = 8, 128, 32, 4
BOUND = 8.0  # log-variances lie in (-BOUND, BOUND)
LOG_2PI = float(np.log(2 * np.pi))


def survival(j):
    return jnp.where(j < ALPHA, 1.0 / j, RATE ** (j - ALPHA) / ALPHA)


# --- the model ------------------------------------------------------------------------------------------------------
def init_net(key, n_in, n_out):
    k1, k2 = jax.random.split(key)
    return {
        "w1": jax.random.normal(k1, (n_in, HIDDEN)) / np.sqrt(n_in),
        "b1": jnp.zeros(HIDDEN),
        "w2": jax.random.normal(k2, (HIDDEN, 2 * n_out)) / np.sqrt(HIDDEN),
        "b2": jnp.zeros(2 * n_out),
    }


def gaussian(net, x):
    out = jnp.tanh(x @ net["w1"] + net["b1"]) @ net["w2"] + net["b2"]
    mean, raw = jnp.split(out, 2, axis=-1)
    return mean, BOUND * jnp.tanh(raw / BOUND)


def log_normal(x, mean, logvar):
    return -0.5 * jnp.sum(LOG_2PI + logvar + (x - mean) ** 2 * jnp.exp(-logvar), axis=-1)


def log_weight(decoder, x, z, q_mean, q_logvar):
    mean, logvar = gaussian(decoder, z)
    log_prior = -0.5 * jnp.sum(LOG_2PI + z**2, axis=-1)
    return log_normal(x, mean, logvar) + log_prior - log_normal(z, q_mean, q_logvar)


def log_target(x):
    x0, x1 = x[..., 0], x[..., 1]
    return -0.5 * x0**2 * jnp.exp(-2 * x1) - x1 - 0.5 * (x1 / 1.35) ** 2 - float(np.log(1.35)) - LOG_2PI


def sample_model(decoder, key):
    kz, kx = jax.random.split(key)
    mean, logvar = gaussian(decoder, jax.random.normal(kz, (BATCH, LATENT)))
    return mean + jnp.exp(0.5 * logvar) * jax.random.normal(kx, (BATCH, 2))


# --- SUMO -----------------------------------------------------------------------------------------------------------
def sumo_from_log_weights(log_w, stop):
    """log_w: [batch, n], n >= m + J; stop: J, [batch] or scalar. Samples past m + J have no influence."""
    n = log_w.shape[-1]
    log_mean = jax.lax.cumlogsumexp(log_w, axis=log_w.ndim - 1) - jnp.log(jnp.arange(1, n + 1, dtype=jnp.float32))
    j = jnp.arange(1, n - M + 1)
    weight = jnp.where(j <= jnp.asarray(stop)[..., None], 1.0 / survival(j.astype(jnp.float32)), 0.0)
    increments = log_mean[..., M:] - log_mean[..., M - 1 : -1]
    # where, not just a product: what lies past J must not reach the gradient even if it is infinite
    return log_mean[..., M - 1] + jnp.sum(jnp.where(weight > 0, increments, 0.0) * weight, axis=-1)


def sumo_rectangular(params, x, stop, key, n):
    """n samples for every example, of which the first m + J count."""
    mean, logvar = gaussian(params["encoder"], x)
    eps = jax.random.normal(key, (BATCH, n, LATENT))
    mean, logvar = mean[:, None], logvar[:, None]
    z = mean + jnp.exp(0.5 * logvar) * eps
    return sumo_from_log_weights(log_weight(params["decoder"], x[:, None], z, mean, logvar), stop)


def sumo_packed(params, x, stop, key, rows):
    """m + J samples for each example, packed into `rows` rows (rows >= their sum; the rest is padding)."""
    lengths = M + stop
    starts = jnp.cumsum(lengths) - lengths
    owner = jnp.repeat(jnp.arange(BATCH), lengths, total_repeat_length=rows)
    mean, logvar = gaussian(params["encoder"], x)
    mean, logvar, x = mean[owner], logvar[owner], x[owner]
    z = mean + jnp.exp(0.5 * logvar) * jax.random.normal(key, (rows, LATENT))
    log_w = log_weight(params["decoder"], x, z, mean, logvar)
    width = rows - (BATCH - 1) * (M + 1)  # the longest one example can be: the others take m + 1 at least
    column = jnp.minimum(jnp.arange(width), lengths[:, None] - 1)
    return sumo_from_log_weights(log_w[starts[:, None] + column], stop)


# --- one iteration --------------------------------------------------------------------------------------------------
def make_optimiser(lr):
    return {"decoder": optax.adam(lr), "encoder": optax.adam(lr)}


def init_state(seed, optimiser):
    kd, ke = jax.random.split(jax.random.key(seed))
    params = {"decoder": init_net(kd, LATENT, 2), "encoder": init_net(ke, 2, LATENT)}
    return {"params": params, "opt": {name: optimiser[name].init(params[name]) for name in params}}


def update(state, key, name, optimiser, estimate):
    """One Adam update of the net `name`; estimate(params, x, key) is the SUMO estimate of log p(x), [batch]."""
    params = state["params"]
    k1, k2 = jax.random.split(key)

    def loss(net):
        p = {**params, name: net}
        x = sample_model(p["decoder"], k1)
        s = estimate(p, x, k2)
        return jnp.mean(s - log_target(x)) if name == "decoder" else jnp.mean(s**2)

    grads = jax.grad(loss)(params[name])
    updates, opt = optimiser[name].update(grads, state["opt"][name])
    return {
        "params": {**params, name: optax.apply_updates(params[name], updates)},
        "opt": {**state["opt"], name: opt},
    }


# --- modes ----------------------------------------------------------------------------------------------------------
def run_plain(args, optimiser, rng):
    compile_seconds = 0.0

    def listen(event, duration, **_):
        nonlocal compile_seconds
        if event.startswith("/jax/core/compile/"):
            compile_seconds += duration

    jax.monitoring.register_event_duration_secs_listener(listen)

    def step(state, key, name, k):
        return update(state, key, name, optimiser, lambda p, x, kk: sumo_rectangular(p, x, k - M, kk, k))

    step = jax.jit(step, static_argnames=("name", "k"))
    stops = stopping_times(rng, (args.iterations, 2))
    state = init_state(args.seed, optimiser)
    keys = iter(jax.random.split(jax.random.key(args.seed + 1), 2 * args.iterations))
    jax.block_until_ready(state)
    compile_seconds = 0.0
    start = time.perf_counter()
    for j_decoder, j_encoder in stops:
        state = step(state, next(keys), name="decoder", k=M + int(j_decoder))
        state = step(state, next(keys), name="encoder", k=M + int(j_encoder))
    jax.block_until_ready(state)
    seconds = time.perf_counter() - start
    return seconds, compile_seconds, {"distinct_k": len(np.unique(stops)), "cold": True}


def run_scan(args, optimiser, rng):
    runs = args.repeats + 1
    n = args.iterations
    extra = {}
    if args.mode == "scan":
        stops = stopping_times(rng, (runs, n, 2))
        buckets = np.array(args.k_buckets)
        index = bucket_of(M + stops, buckets)
        estimators = [lambda p, x, s, k, b=int(b): sumo_rectangular(p, x, s, k, b) for b in buckets]
    elif args.mode == "packed":
        stops = stopping_times(rng, (runs, n, 2, BATCH))
        buckets = np.array(args.row_buckets)
        index = bucket_of((M + stops).sum(-1), buckets)
        estimators = [lambda p, x, s, k, b=int(b): sumo_packed(p, x, s, k, b) for b in buckets]
    else:
        stops = stopping_times(rng, (runs, n, 2, BATCH))
        buckets = np.array([M + stops.max()])
        index = np.zeros((runs, n, 2), np.int32)
        estimators = [lambda p, x, s, k, b=int(buckets[0]): sumo_rectangular(p, x, s, k, b)]
    extra["buckets"] = [int(b) for b in buckets]

    def half(state, key, name, stop, which):
        branches = [
            lambda state, key, stop, e=e: update(state, key, name, optimiser, lambda p, x, k: e(p, x, stop, k))
            for e in estimators
        ]
        return jax.lax.switch(which, branches, state, key, stop)

    def iteration(state, inputs):
        keys, stop, which = inputs
        state = half(state, keys[0], "decoder", stop[0], which[0])
        state = half(state, keys[1], "encoder", stop[1], which[1])
        return state, None

    @jax.jit
    def many(state, key, stops, index):
        keys = jax.random.split(key, (n, 2))
        return jax.lax.scan(iteration, state, (keys, stops, index))[0]

    state = init_state(args.seed, optimiser)
    key = jax.random.key(args.seed + 1)
    jax.block_until_ready(state)
    start = time.perf_counter()
    compiled = many.lower(state, key, stops[0], index[0]).compile()
    compile_seconds = time.perf_counter() - start
    forget_peak_memory()
    times = []
    for r in range(runs):  # the first is a warm-up
        args_r = jax.block_until_ready((state, jax.random.fold_in(key, r), jnp.asarray(stops[r]), jnp.asarray(index[r])))
        start = time.perf_counter()
        state = jax.block_until_ready(compiled(*args_r))
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:]), compile_seconds, extra


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("mode", choices=["plain", "scan", "packed", "padded"])
    p.add_argument("--iterations", type=int, default=2000)
    p.add_argument("--repeats", type=int, default=5, help="timed runs, the median is reported (not for plain)")
    p.add_argument("--lr", type=float, default=5e-5)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--k-buckets", type=int, nargs="+", default=[5, 6, 8, 12, 24, 64, 256],
                   help="for scan: sizes of K = m + J")
    p.add_argument("--row-buckets", type=int, nargs="+",
                   default=[240, 272, 304, 352, 448, 640, 1024],
                   help="for packed: sizes of the sum of m + J over the batch")
    args = p.parse_args()
    rng = np.random.default_rng(args.seed)
    optimiser = make_optimiser(args.lr)
    run = run_plain if args.mode == "plain" else run_scan
    seconds, compile_seconds, extra = run(args, optimiser, rng)
    print(json.dumps({
        "mode": args.mode,
        "iterations": args.iterations,
        "seconds": round(seconds, 4),
        "compile_seconds": round(compile_seconds, 3),
        "iterations_per_second": round(args.iterations / seconds, 1),
        "jax": jax.__version__,
        "threads": len(os.sched_getaffinity(0)),
        "peak_memory_mb": round(peak_memory_mb(), 1),
        **extra,
    }))


if __name__ == "__main__":
    main()
