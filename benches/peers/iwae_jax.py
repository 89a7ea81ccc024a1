#!/usr/bin/env python3
"""IWAE, ELBO, SUMO and log p(x) in JAX on the model of Burda et al. (2016): the peer that `latents` is timed against.

    iwae_jax.py WORK FORM     prints one line of JSON; `--check` compares the objectives with plain NumPy instead

Training (iwae20, iwae100, elbo100): one Adam step on the mean over the batch, in these forms:

    jit      one step a call, the state donated
    scan     `lax.scan` of 50 steps a call
    blocks   `scan`, and inside a step the gradient is accumulated over blocks of examples, which stay in the cache

SUMO (sumo100), every example its own number of samples m + J, stopping times drawn in advance with NumPy:

    packed        rows of all examples end to end, their total rounded up to a bucket; one compiled step a bucket
    packed_scan   the same in a `lax.scan` of 50 steps, `lax.switch` over buckets
    padded        every example padded to the longest of its batch, which is rounded up to a bucket

log p(x) (evidence, evidence100000), the encoder once an image; the size that is fastest is searched for before the
clock starts:

    vmap     images in chunks, one call each
    map      one call, `lax.map` over blocks of samples of one image at a time

Random numbers are drawn inside the timed part. compile_seconds is spent before the clock starts.
"""
import os
import time

os.environ.setdefault("JAX_PLATFORMS", "cpu")
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
import optax  # noqa: E402
from functools import partial  # noqa: E402

import common  # noqa: E402
from common import SUMO_M, WORKS  # noqa: E402

STEPS = 50  # of one scan
TRAINING = ["jit", "scan", "blocks"]
FORMS = {
    "iwae20": TRAINING,
    "iwae100": TRAINING,
    "elbo100": ["jit", "scan"],
    "sumo100": ["packed", "packed_scan", "padded"],
    "evidence": ["vmap", "map"],
    "evidence100000": ["vmap", "map"],
}


# --- the model ------------------------------------------------------------------------------------------------------
@jax.custom_jvp
def softplus(v):
    """Cheaper than `jax.nn.softplus`, above all its derivative."""
    return jnp.maximum(v, 0.0) + jnp.log1p(jnp.exp(-jnp.abs(v)))


@softplus.defjvp
def softplus_jvp(primals, tangents):
    return softplus(*primals), jax.nn.sigmoid(*primals) * tangents[0]


def net(layers, h):
    for w, b in layers[:-1]:
        h = jnp.tanh(h @ w + b)
    w, b = layers[-1]
    return h @ w + b


def encode(params, x):
    mean, raw = jnp.split(net(params["encoder"], x), 2, axis=-1)
    return mean, common.BOUND * jnp.tanh(raw / common.BOUND)


def log_weights(params, x, mean, logvar, eps):
    """log p(x, z) - log q(z | x); eps: [.., latent], the others broadcast against it."""
    z = mean + jnp.exp(0.5 * logvar) * eps
    logits = net(params["decoder"], z.reshape(-1, z.shape[-1])).reshape(*z.shape[:-1], -1)
    log_likelihood = jnp.sum(x * logits - softplus(logits), axis=-1)
    return log_likelihood + 0.5 * jnp.sum(eps**2 + logvar - z**2, axis=-1)


def log_mean_exp(log_w):
    return jax.nn.logsumexp(log_w, axis=-1) - jnp.log(float(log_w.shape[-1]))


# --- objectives, one number an example ------------------------------------------------------------------------------
def iwae(params, x, eps):
    """eps: [batch, k, latent]."""
    mean, logvar = encode(params, x)
    return log_mean_exp(log_weights(params, x[:, None], mean[:, None], logvar[:, None], eps))


def sumo_of(log_w, stop, m):
    """log_w: [batch, n]; those past m + J have no influence."""
    n = log_w.shape[-1]
    log_mean = jax.lax.cumlogsumexp(log_w, axis=1) - jnp.log(jnp.arange(1, n + 1, dtype=jnp.float32))
    j = np.arange(1, n - m + 1)
    weight = jnp.where(j <= stop[:, None], jnp.float32(1 / common.survival(j)), 0.0)
    return log_mean[:, m - 1] + jnp.sum((log_mean[:, m:] - log_mean[:, m - 1 : -1]) * weight, axis=1)


def sumo_padded(params, x, stop, eps, m):
    """eps: [batch, n, latent], n samples for every example, of which the first m + J count."""
    mean, logvar = encode(params, x)
    return sumo_of(log_weights(params, x[:, None], mean[:, None], logvar[:, None], eps), stop, m)


def sumo_packed(params, x, stop, eps, m, longest):
    """eps: [rows, latent], rows at least the sum of m + J (the rest is padding); longest: at least every m + J."""
    lengths = m + stop
    starts = jnp.cumsum(lengths) - lengths
    owner = jnp.repeat(jnp.arange(len(x)), lengths, total_repeat_length=len(eps))
    mean, logvar = encode(params, x)
    log_w = log_weights(params, x[owner], mean[owner], logvar[owner], eps)
    column = jnp.minimum(jnp.arange(longest), lengths[:, None] - 1)
    return sumo_of(log_w[starts[:, None] + column], stop, m)


def evidence(params, x, key, samples, block):
    """log p(x) of one image; the samples in blocks."""
    mean, logvar = encode(params, x)

    def of_block(key):
        return log_weights(params, x, mean, logvar, jax.random.normal(key, (block, mean.shape[-1])))

    blocks = samples // block
    log_w = of_block(key) if blocks == 1 else jax.lax.map(of_block, jax.random.split(key, blocks))
    return log_mean_exp(log_w.ravel())


# --- training -------------------------------------------------------------------------------------------------------
def init_state():
    params = jax.tree.map(jnp.asarray, common.init_params(0))
    key = jax.random.key(1)
    return jax.block_until_ready({"params": params, "opt": optax.adam(common.LEARNING_RATE).init(params), "key": key})


def step(state, gradient):
    """gradient(params, key) of the loss."""
    key, now = jax.random.split(state["key"])
    updates, opt = optax.adam(common.LEARNING_RATE).update(gradient(state["params"], now), state["opt"])
    return {"params": optax.apply_updates(state["params"], updates), "opt": opt, "key": key}


def bound_gradient(params, key, x, k, blocks=1):
    def of_block(key, x):
        eps = jax.random.normal(key, (len(x), k, common.LATENT))
        return jax.grad(lambda p: -jnp.sum(iwae(p, x, eps)))(params)

    if blocks == 1:
        total = of_block(key, x)
    else:
        def add(total, inputs):
            return jax.tree.map(jnp.add, total, of_block(*inputs)), None

        inputs = jax.random.split(key, blocks), x.reshape(blocks, -1, x.shape[-1])
        total = jax.lax.scan(add, jax.tree.map(jnp.zeros_like, params), inputs)[0]
    return jax.tree.map(lambda g: g / len(x), total)


def sumo_gradient(params, key, x, stop, rows, longest):
    """rows in total, or 0: every example padded to the longest."""
    def loss(p):
        if rows:
            return -jnp.mean(sumo_packed(p, x, stop, jax.random.normal(key, (rows, common.LATENT)), SUMO_M, longest))
        eps = jax.random.normal(key, (len(x), longest, common.LATENT))
        return -jnp.mean(sumo_padded(p, x, stop, eps, SUMO_M))

    return jax.grad(loss)(params)


def compiled(function, *args, **jit):
    start = time.perf_counter()
    done = jax.jit(function, **jit).lower(*args).compile()
    return done, time.perf_counter() - start


def fastest(candidates):
    """Of (size, run): the pair whose run(1) takes the least time."""

    def seconds(candidate):
        start = time.perf_counter()
        candidate[1](1)
        return time.perf_counter() - start

    return min(candidates, key=seconds) if len(candidates) > 1 else candidates[0]


def train_bound(args):
    work = WORKS[args.work]
    x = jnp.asarray(common.images(work.batch))
    steps = 1 if args.form == "jit" else STEPS
    candidates, seconds = [], 0.0
    for examples in [e for e in (10, 20) if e < work.batch] if args.form == "blocks" else [work.batch]:

        def run_step(state, x, blocks=work.batch // examples):
            return step(state, lambda p, key: bound_gradient(p, key, x, work.samples, blocks))

        def call(state, x, run_step=run_step):
            if steps == 1:
                return run_step(state, x)
            return jax.lax.scan(lambda s, _: (run_step(s, x), None), state, length=steps)[0]

        function, spent = compiled(call, init_state(), x, donate_argnums=0)
        seconds += spent

        def run(calls, function=function, held=[init_state()]):
            for _ in range(calls):
                held[0] = function(held[0], x)
            jax.block_until_ready(held[0])

        candidates.append((examples, run))
    examples, run = fastest(candidates)
    rate = steps * common.measure(run, args.seconds)
    return rate, seconds, {"examples_a_block": examples} if args.form == "blocks" else {}


def train_sumo(args):
    batch = WORKS[args.work].batch
    x = jnp.asarray(common.images(batch))
    padded, scanned = args.form == "padded", args.form == "packed_scan"
    stops = common.stopping_times(np.random.default_rng(0), (40 * STEPS, batch))
    lengths = SUMO_M + stops
    longest = 256
    if lengths.max() > longest:
        raise SystemExit(f"an example takes {lengths.max()} samples, more than {longest}")
    buckets = np.arange(16, longest + 1, 16) if padded else np.arange(1024, 4096, 64)
    index = common.bucket_of(lengths.max(1) if padded else lengths.sum(1), buckets)
    used, index = np.unique(index, return_inverse=True)
    gradients = [
        partial(sumo_gradient, rows=0 if padded else int(size), longest=int(size) if padded else longest)
        for size in buckets[used]
    ]
    state, number, seconds, functions = init_state(), 0, 0.0, []
    if scanned:
        inputs = jnp.asarray(stops.reshape(-1, STEPS, batch)), jnp.asarray(index.reshape(-1, STEPS))
        calls_ready = list(zip(*inputs))

        def one(state, x, stop, which):
            return step(state, lambda p, key: jax.lax.switch(which, gradients, p, key, x, stop))

        def call(state, x, stops, which):
            return jax.lax.scan(lambda s, i: (one(s, x, *i), None), state, (stops, which))[0]

        function, seconds = compiled(call, state, x, *calls_ready[0], donate_argnums=0)
    else:
        for gradient in gradients:

            def call(state, x, stop, gradient=gradient):
                return step(state, lambda p, key: gradient(p, key, x, stop))

            done, spent = compiled(call, state, x, stops[0], donate_argnums=0)
            functions.append(done)
            seconds += spent

    def run(calls):
        nonlocal state, number
        for _ in range(calls):
            if scanned:
                state = function(state, x, *calls_ready[number % len(calls_ready)])
            else:
                i = number % len(stops)
                state = functions[index[i]](state, x, stops[i])
            number += 1
        jax.block_until_ready(state)

    rate = common.measure(run, args.seconds) * (STEPS if scanned else 1)
    return rate, seconds, {"buckets": len(used)}


# --- log p(x) -------------------------------------------------------------------------------------------------------
def evaluate(args):
    work = WORKS[args.work]
    x = jnp.asarray(common.images(work.batch))
    params = init_state()["params"]
    whole = args.form == "vmap"  # then the sizes are images a chunk, otherwise samples a block
    candidates, seconds = [], 0.0
    for size in [c for c in (1, 5, 20) if c <= work.batch] if whole else (250, 1000, 5000):
        chunks = x.reshape(-1, size if whole else work.batch, x.shape[-1])

        def call(params, key, x, each=partial(evidence, samples=work.samples, block=work.samples if whole else size)):
            inputs = x, jax.random.split(key, len(x))
            return jax.vmap(partial(each, params))(*inputs) if whole else jax.lax.map(lambda i: each(params, *i), inputs)

        function, spent = compiled(call, params, jax.random.key(0), chunks[0])
        seconds += spent

        def run(calls, function=function, chunks=list(chunks), number=[0]):
            for _ in range(calls):
                number[0] += 1
                keys = jax.random.split(jax.random.key(number[0]), len(chunks))
                values = [function(params, k, c) for k, c in zip(keys, chunks)]
            jax.block_until_ready(values)

        candidates.append((size, run))
    size, run = fastest(candidates)
    rate = common.measure(run, args.seconds) * work.batch
    return rate, seconds, {"images_a_chunk" if whole else "samples_a_block": size}


# --- check ----------------------------------------------------------------------------------------------------------
def check():
    m, k, batch = 3, 5, 4
    params = common.init_params(3, pixels=12, hidden=6, latent=2)
    x = common.images(batch, 12)
    rng = np.random.default_rng(5)
    draw = lambda *shape: rng.normal(size=shape).astype(np.float32)  # noqa: E731
    log_w = common.reference_log_weights
    eps = draw(batch, k, 2)
    common.close("iwae", iwae(params, x, eps), [common.reference_iwae(log_w(params, *e)) for e in zip(x, eps)])
    eps = draw(batch, 1, 2)
    common.close("elbo", iwae(params, x, eps), [log_w(params, *e)[0] for e in zip(x, eps)])

    stop = np.array([1, 90, 3, 7], np.int32)
    n = m + stop.max() + 5
    eps = draw(batch, n, 2)

    def sumo(params):
        return np.array([common.reference_sumo(log_w(params, v, e[: m + j]), m) for v, e, j in zip(x, eps, stop)])

    rows = np.concatenate([e[: m + j] for e, j in zip(eps, stop)] + [draw(20, 2)])
    padded = lambda p: sumo_padded(p, x, stop, eps, m)  # noqa: E731
    packed = lambda p: sumo_packed(p, x, stop, rows, m, 128)  # noqa: E731
    direction = jax.tree.map(lambda p: draw(*p.shape), params)
    moved = lambda h: jax.tree.map(lambda p, d: np.float64(p) + h * d, params, direction)  # noqa: E731
    slope = (sumo(moved(1e-5)).mean() - sumo(moved(-1e-5)).mean()) / 2e-5
    for name, function in (("sumo padded", padded), ("sumo packed", packed)):
        common.close(name, function(params), sumo(params))
        found = jax.jvp(lambda p: jnp.mean(function(p)), (params,), (direction,))[1]
        common.close(f"{name}, slope forwards", found, slope, 1e-3)
        gradient = jax.grad(lambda p: jnp.mean(function(p)))(params)
        found = sum(jnp.vdot(g, d) for g, d in zip(jax.tree.leaves(gradient), jax.tree.leaves(direction)))
        common.close(f"{name}, slope backwards", found, slope, 1e-3)

    key = jax.random.key(1)
    for block in (6, 2):
        if block == 6:
            eps = jax.random.normal(key, (6, 2))
        else:
            eps = np.concatenate([jax.random.normal(k, (block, 2)) for k in jax.random.split(key, 6 // block)])
        found = evidence(params, x[0], key, 6, block)
        common.close(f"evidence, blocks of {block}", found, common.reference_iwae(log_w(params, x[0], np.asarray(eps))))


def main():
    args = common.arguments(__doc__.split("\n")[0], FORMS)
    if args.check:
        return check()
    work = WORKS[args.work]
    run = evaluate if not work.training else train_bound if work.samples else train_sumo
    rate, seconds, extra = run(args)
    common.report("jax", args, rate, seconds, jax=jax.__version__, **extra)


if __name__ == "__main__":
    main()
