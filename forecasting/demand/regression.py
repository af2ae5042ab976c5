"""Linear quantile regression: weights w that minimise the mean pinball loss of y - z·w.

Solved by majorise-minimise, a weighted least squares a step (Hunter & Lange, "Quantile regression via an MM
algorithm", J. Comput. Graph. Stat. 9, 2000), with a ridge that pulls towards a prior (w = prior where there is
nothing to learn from).
"""

import numpy as np

from forecasting.types import Floats

STEPS, SMOOTH, CLOSE = 30, 3e-3, 1e-3
BLOCK = 60
"""Rows that are multiplied at a time: products that small stay on one thread. BLAS's own threads made fits beside
another busy process 20 times as long (*measured*)."""


def fit(z: Floats, y: Floats, quantile: float, prior: Floats, ridge: float, start: Floats) -> Floats:
    """The weights of the `quantile` of `y` (n,) given standardised `z` (n, k), searched from `start`."""
    pull, lean = ridge * np.eye(z.shape[1]), (2.0 * quantile - 1.0) * z.mean(axis=0) + ridge * prior
    w, blocks, of = start, _blocks(z), _blocks(y[:, None])[..., 0]
    for _ in range(STEPS):
        near = blocks / (len(y) * (np.abs(of - blocks @ w) + SMOOTH))[..., None]
        turned = near.transpose(0, 2, 1)
        gram, right = (turned @ blocks).sum(axis=0), (turned @ of[..., None]).sum(axis=0)[:, 0]
        new = np.linalg.solve(gram + pull, right + lean)
        done = bool(np.abs(new - w).max() < CLOSE)
        w = new
        if done:
            break
    return np.asarray(w, dtype=np.float64)


def _blocks(rows: Floats) -> Floats:
    """`(blocks, BLOCK, k)`, filled up with rows of zeros, which weigh nothing."""
    count = -(-len(rows) // BLOCK)
    filled = np.zeros((count * BLOCK, rows.shape[1]))
    filled[: len(rows)] = rows
    return filled.reshape(count, BLOCK, -1)
