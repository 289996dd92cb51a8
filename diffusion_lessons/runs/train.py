"""A run: from a folder of pictures to a trained network, and on again."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import torch

from ..checks import checked
from ..training import Step
from .begin import completed, facts_of, fitting, state_of
from .config import RunConfig, settled, write_config
from .folder import RunFolder
from .log import check_tensorboard, open_log
from .loop import Run
from .origin import origin_of
from .pictures import open_pictures
from .ranks import Ranks, joined, parts_of
from .step import check_precision


def never() -> bool:
    """No step is the last one before its time."""
    return False


@checked
def train_run(
    config: RunConfig,
    *,
    override: dict | None = None,
    stop: Callable = never,
    progress: bool = False,
) -> Iterator[Step]:
    """Train on a folder of pictures, and yield a Step after each step.

    A generator: nothing runs until it is consumed. The run is in the
    folder ``config.out``. If one is there already, this goes on with it,
    bit for bit on one device, and what *config* has otherwise is refused.
    Breaking out of the loop and Ctrl-C save it; a process that is killed
    loses the steps since the last save. Under torchrun all processes train
    one network, and the first writes.

    Args:
        config: what is trained on what, and how.
        override: settings that are to be others from now on, as
            {"lr": 1e-4}.
        stop: asked after each step; True saves and ends the run for now.
        progress: show bars (terminal, Jupyter, Colab).

    Raises InputError where a setting, a folder or a file does not fit,
    and OSError where nothing can be written: the last checkpoint is whole
    then.
    """
    return _run(config, override or {}, stop, progress)


def _run(
    config: RunConfig, override: dict, stop: Callable, progress: bool
) -> Iterator[Step]:
    with ExitStack() as held:
        ranks = held.enter_context(joined(config.device))
        _repeatable(held)
        shown = progress and ranks.first
        run = _begun(config, override, ranks, shown, held)
        yield from run.steps(stop, shown)


def _repeatable(held: ExitStack) -> None:
    """Have cuDNN's ways to compute that repeat, until *held* is closed."""
    before = torch.backends.cudnn.deterministic
    torch.backends.cudnn.deterministic = True
    held.callback(setattr, torch.backends.cudnn, "deterministic", before)


def _begun(
    config: RunConfig,
    override: dict,
    ranks: Ranks,
    shown: bool,
    held: ExitStack,
) -> Run:
    """The run in its folder: before its first step, or as it was left."""
    folder = RunFolder(config.out)
    ranks.once(lambda: held.enter_context(folder.open()))
    config = ranks.once(lambda: settled(config, override))
    _check_possible(config, ranks)
    store = _store(config, folder, ranks, shown)
    saved = folder.load()
    origin = None if saved else origin_of(config, store.shape[0])
    config = completed(config, store, origin)
    state = state_of(config, store, ranks, origin)
    if saved:
        state.load_state_dict(fitting(saved, config, override))
    facts = ranks.once(
        lambda: facts_of(config, store, override, state.step)
    )
    log = None
    if ranks.first:
        write_config(config, facts)
        events = folder.events if config.tensorboard else None
        log = held.enter_context(open_log(folder.log, state.step, events))
    return Run(config, ranks, state, folder, log)


def _check_possible(config: RunConfig, ranks: Ranks) -> None:
    """Refuse what cannot be here, before anything takes long."""
    check_precision(config.precision, ranks.device)
    parts_of(config.batch_size, 0, ranks.count, config.accumulate)
    if config.tensorboard:
        check_tensorboard()


def _store(
    config: RunConfig, folder: RunFolder, ranks: Ranks, shown: bool
) -> object:
    """The pictures, prepared by the first process, opened by each."""

    store: list = []

    def opened(shown: bool) -> object:
        return open_pictures(
            config.pictures,
            config.size,
            flip=config.flip,
            place=folder.store,
            progress=shown,
        )

    ranks.once(lambda: store.append(opened(shown)))
    return store[0] if store else opened(False)
