"""What comes in while something is being stored is stored together: a commit costs a sync of the disk, a batch one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from storage.store import Busy

T = TypeVar("T")


@dataclass(eq=False)
class Turn(Generic[T]):
    """One caller's items, and what came of them."""

    items: Sequence[T]
    over: Future[None] = field(default_factory=Future)


class Together(Generic[T]):
    """Calls `do` with the items of everybody who waits, in the order in which they came, in a thread of its own.

    A caller's future ends when its own items are stored, or with what stood in the way of them; what only one caller's
    items cannot do hurts nobody else.
    """

    def __init__(self, do: Callable[[Sequence[T]], object]) -> None:
        self.do = do
        self.guard = threading.Lock()
        self.waiting: list[Turn[T]] = []
        self.led = False
        self.leader = ThreadPoolExecutor(1, thread_name_prefix="intake")  # its thread ends with the last who knows us

    def __call__(self, items: Sequence[T]) -> None:
        self.submit(items).result()

    def submit(self, items: Sequence[T]) -> Future[None]:
        turn = Turn(items)
        with self.guard:
            self.waiting.append(turn)
            idle, self.led = not self.led, True
        if idle:
            try:
                self.leader.submit(self.lead)
            except RuntimeError as error:  # no thread can be started, or the process ends
                self.give_up(error)
        return turn.over

    def lead(self) -> None:
        batch: list[Turn[T]] = []
        try:
            while batch := self.take():
                self.store([turn for turn in batch if turn.over.set_running_or_notify_cancel()])
        except BaseException as error:  # such as no memory: whoever waits hears of it, and the next one begins anew
            self.give_up(error, batch)
            raise

    def give_up(self, error: BaseException, batch: Sequence[Turn[T]] = ()) -> None:
        with self.guard:
            waiting, self.waiting, self.led = self.waiting, [], False
        for turn in (*batch, *waiting):
            if not turn.over.done():
                turn.over.set_exception(Busy(f"The intake could not go on ({error}); nothing was saved."))

    def take(self) -> list[Turn[T]]:
        with self.guard:
            batch, self.waiting = self.waiting, []
            self.led = bool(batch)
            return batch

    def store(self, batch: list[Turn[T]]) -> None:
        try:
            self.do([item for turn in batch for item in turn.items])
        except Busy as error:  # nobody's could be stored
            for turn in batch:
                turn.over.set_exception(error)
        except Exception as error:  # noqa: BLE001  # raised again by the caller whose items it was
            if len(batch) == 1:
                batch[0].over.set_exception(error)
                return
            for turn in batch:
                self.store([turn])
        else:
            for turn in batch:
                turn.over.set_result(None)
