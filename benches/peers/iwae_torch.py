#!/usr/bin/env python3
"""The works of `iwae_jax.py` in PyTorch, on the CPU.

    iwae_torch.py WORK FORM   prints one line of JSON; `--check` compares the objectives with plain NumPy instead

Forms: `eager`, and `compile`, where `torch.compile` makes the loss (with its gradient) one program. SUMO has the rows of
all examples end to end. Random numbers are drawn inside the timed part.
"""
import time

import common
import numpy as np
import torch
import torch.nn.functional as F
from common import SUMO_M, WORKS

BOTH = ["eager", "compile"]
FORMS = {"iwae20": BOTH, "iwae100": BOTH, "elbo100": BOTH, "sumo100": BOTH, "evidence": BOTH}


def net(layers, h):
    for w, b in layers[:-1]:
        h = torch.tanh(torch.addmm(b, h, w))
    w, b = layers[-1]
    return torch.addmm(b, h, w)


def encode(params, x):
    mean, raw = net(params["encoder"], x).chunk(2, -1)
    return mean, common.BOUND * torch.tanh(raw / common.BOUND)


def log_weights(params, x, mean, logvar, eps):
    """Rows: [n, ..], all of them n or 1 long."""
    z = mean + torch.exp(0.5 * logvar) * eps
    logits = net(params["decoder"], z)
    log_likelihood = (x * logits).sum(-1) - F.softplus(logits).sum(-1)
    return log_likelihood + 0.5 * (eps**2 + logvar - z**2).sum(-1)


def iwae(params, x, eps):
    """eps: [batch, k, latent]."""
    k = eps.shape[1]
    rows = [v.unsqueeze(1).expand(-1, k, -1).reshape(-1, v.shape[-1]) for v in (x, *encode(params, x))]
    log_w = log_weights(params, *rows, eps.reshape(-1, eps.shape[-1]))
    return torch.logsumexp(log_w.reshape(-1, k), 1) - float(np.log(k))


def sumo_layout(stop, m):
    """Who owns each row, where an example's samples lie, and the weights of its increments."""
    lengths = m + stop
    starts = np.cumsum(lengths) - lengths
    columns = np.arange(lengths.max())
    j = np.arange(1, lengths.max() - m + 1)
    weights = np.where(j <= stop[:, None], 1 / common.survival(j), 0.0).astype(np.float32)
    places = starts[:, None] + np.minimum(columns, lengths[:, None] - 1)
    return [torch.from_numpy(a) for a in (np.repeat(np.arange(len(stop)), lengths), places, weights)]


def sumo(params, x, layout, eps, m):
    """eps: [rows, latent]."""
    owner, places, weights = layout
    log_w = log_weights(params, *(v.index_select(0, owner) for v in (x, *encode(params, x))), eps)
    log_w = log_w.index_select(0, places.ravel()).reshape(places.shape)
    log_mean = torch.logcumsumexp(log_w, 1) - torch.arange(1, places.shape[1] + 1).log()
    return log_mean[:, m - 1] + ((log_mean[:, m:] - log_mean[:, m - 1 : -1]) * weights).sum(1)


def evidence(params, x, samples, block):
    """log p(x) of one image; the samples in blocks."""
    mean, logvar = encode(params, x[None])
    eps = (torch.randn(block, mean.shape[-1]) for _ in range(samples // block))
    log_w = torch.cat([log_weights(params, x[None], mean, logvar, e) for e in eps])
    return torch.logsumexp(log_w, 0) - float(np.log(samples))


def tensors(params):
    return {k: [tuple(torch.from_numpy(a) for a in layer) for layer in layers] for k, layers in params.items()}


def train(args, compile):
    work = WORKS[args.work]
    x = torch.from_numpy(common.images(work.batch))
    params = tensors(common.init_params(0))
    leaves = [p.requires_grad_() for layers in params.values() for layer in layers for p in layer]
    adam = torch.optim.Adam(leaves, lr=common.LEARNING_RATE, fused=True)
    stops = common.stopping_times(np.random.default_rng(0), (200, work.batch))
    number = 0

    def bound_loss():
        return -iwae(params, x, torch.randn(work.batch, work.samples, common.LATENT)).mean()

    def sumo_loss(layout):
        return -sumo(params, x, layout, torch.randn(len(layout[0]), common.LATENT), SUMO_M).mean()

    loss = compile(bound_loss if work.samples else sumo_loss)

    def run(calls):
        nonlocal number
        for _ in range(calls):
            now = [] if work.samples else [sumo_layout(stops[number % len(stops)], SUMO_M)]
            number += 1
            adam.zero_grad(set_to_none=True)
            loss(*now).backward()
            adam.step()

    start = time.perf_counter()
    run(3)
    seconds = time.perf_counter() - start
    return common.measure(run, args.seconds), seconds, {}


@torch.inference_mode()
def evaluate(args, compile):
    work = WORKS[args.work]
    x = torch.from_numpy(common.images(work.batch))
    params = tensors(common.init_params(0))
    found, seconds = [], 0.0
    for block in (250, 1000, 5000):
        each = compile(lambda v, block=block: evidence(params, v, work.samples, block))

        def run(calls, each=each):
            for _ in range(calls):
                for v in x:
                    each(v)

        start = time.perf_counter()
        each(x[0])
        seconds += time.perf_counter() - start
        start = time.perf_counter()
        run(1)
        found.append((time.perf_counter() - start, block, run))
    _, block, run = min(found, key=lambda f: f[0])
    return common.measure(run, args.seconds) * len(x), seconds, {"samples_a_block": block}


def check():
    m, k, batch = 3, 5, 4
    arrays = common.init_params(3, pixels=12, hidden=6, latent=2)
    params, x = tensors(arrays), common.images(batch, 12)
    eps = torch.randn(batch, k, 2)
    log_w = common.reference_log_weights
    expected = [common.reference_iwae(log_w(arrays, *e)) for e in zip(x, eps.numpy())]
    common.close("iwae", iwae(params, torch.from_numpy(x), eps), np.array(expected))
    stop = np.array([1, 90, 3, 7], np.int32)
    eps = torch.randn(int((m + stop).sum()), 2)
    parts = np.split(eps.numpy(), np.cumsum(m + stop)[:-1])
    expected = [common.reference_sumo(log_w(arrays, *e), m) for e in zip(x, parts)]
    common.close("sumo", sumo(params, torch.from_numpy(x), sumo_layout(stop, m), eps, m), np.array(expected))


def main():
    args = common.arguments(__doc__.split("\n")[0], FORMS)
    if args.check:
        return check()
    # The number of rows differs from step to step in SUMO.
    dynamic = True if args.work == "sumo100" else None
    compile = (lambda f: f) if args.form == "eager" else (lambda f: torch.compile(f, dynamic=dynamic))
    rate, seconds, extra = (train if WORKS[args.work].training else evaluate)(args, compile)
    common.report("torch", args, rate, seconds, torch=torch.__version__, **extra)


if __name__ == "__main__":
    main()
