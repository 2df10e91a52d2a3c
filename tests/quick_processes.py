"""Processes that are forks of one that has imported torch: a spawned one imports it for seconds."""

from __future__ import annotations

from multiprocessing import context, forkserver, get_context

_PRELOADED = [
    *("pytest", "torch._dynamo", "torch.utils.tensorboard", "distributed"),
    *("rescorer.training.loop", "rescorer.training.reallocation.assign"),
    *("rescorer.rescoring.lattice_files", "rescorer.rescoring.list_files", "lexicon_tools.cli"),
]


def forkserver_context() -> context.ForkServerContext:
    """The context whose server, one for all tests, has imported what they need."""
    quick = get_context("forkserver")
    quick.set_forkserver_preload(_PRELOADED)
    forkserver.ensure_running()  # a later preload, of Dask, changes nothing
    return quick
