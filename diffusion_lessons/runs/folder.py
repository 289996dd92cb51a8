"""The folder of a run: what is in it, and that it is whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ..checkpoint import load_checkpoint, save_checkpoint
from ..checks import InputError
from .lock import owned


class RunFolder(NamedTuple):
    """Where a run keeps what it needs, and what it shows."""

    place: Path

    @property
    def last(self) -> Path:
        """The checkpoint with which the run goes on."""
        return self.place / "last.safetensors"

    @property
    def log(self) -> Path:
        """A table of losses."""
        return self.place / "log.csv"

    @property
    def store(self) -> Path:
        """The pictures as they are trained on."""
        return self.place / "store"

    @property
    def events(self) -> Path:
        """What TensorBoard reads."""
        return self.place / "events"

    def kept(self, step: int) -> Path:
        """A checkpoint that stays."""
        return self.place / "kept" / f"step_{step:06d}.safetensors"

    def kept_steps(self) -> dict[int, Path]:
        """The checkpoints that stayed, by their steps."""
        files = sorted(self.place.glob("kept/step_*.safetensors"))
        steps = {file: file.stem.removeprefix("step_") for file in files}
        return {int(s): file for file, s in steps.items() if s.isdigit()}

    def samples(self, step: int) -> Path:
        """A picture of samples."""
        return self.place / "samples" / f"step_{step:06d}.png"

    @contextmanager
    def open(self) -> Iterator[None]:
        """A block in which the folder is there, and this process's own.

        What a process that was killed left unfinished is swept away.
        """
        try:
            for path in (self.kept(0), self.samples(0)):
                path.parent.mkdir(parents=True, exist_ok=True)
            lock = owned(self.place)
            lock.__enter__()
        except OSError as error:
            raise InputError(
                f"out: nothing can be written to {self.place} "
                f"({error.strerror}); name another folder"
            ) from error
        try:
            for left in self.place.rglob("*.unfinished"):
                left.unlink(missing_ok=True)
            yield
        finally:
            lock.__exit__(None, None, None)

    def load(self) -> dict | None:
        """The last state of the run; None before the first."""
        return load_checkpoint(self.last) if self.last.exists() else None

    def save(self, state: object, step: int, keep: int) -> None:
        """Write the state, and a copy that stays every *keep* steps."""
        if keep and step % keep == 0:
            save_checkpoint(self.kept(step), state)
        save_checkpoint(self.last, state)
