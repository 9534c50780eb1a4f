"""Trains ensembles, each of a redshift bin, data set and target; some members side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Event, Lock

from szmass.compton.network.arrays import DevelopmentMaps
from szmass.compton.network.files import EnsembleFiles
from szmass.compton.network.members import CnnTrainer, Member, TrainedMember
from szmass.networks.training import report_epoch
from szmass.params import Cnn
from szmass.reporting import Run

MEMBER_SCORES = ("least_validation_loss", "max_abs_bias", "sum_std")


@dataclass(frozen=True)
class EnsemblePlan:
    """An ensemble before its training: all that its members differ in is drawn."""

    data_set: str
    """`clean` or `planck`."""
    target: str
    """One of `compton_arrays.TARGETS`."""
    maps: DevelopmentMaps
    members: list[Member]
    files: EnsembleFiles
    """Where its members are kept."""
    passes: int = 1
    """How often an epoch shows each map."""

    @property
    def name(self) -> str:
        """Of its run, and of what it reports."""
        return f"{self.data_set}_{self.target}"

    @property
    def maps_an_epoch(self) -> int:
        """How often an epoch of all members together shows a map."""
        return self.passes * sum(len(member.train) for member in self.members)


def train_ensembles(
    plans: Sequence[EnsemblePlan],
    trainers: Sequence[CnnTrainer],
    *,
    run: Run,
    progress: Callable[[int], object],
) -> None:
    """Trains the members that are not finished yet, and chooses one of each ensemble.

    Args:
        plans: the ensembles.
        trainers: of their network, each on one member at a time in a thread of its own.
        run: of the redshift bin. It gets a child for each ensemble, and that one for each member.
        progress: is told of maps as they have been trained on, by one thread at a time.
    """
    crew = _Crew(trainers, progress)
    with ExitStack() as runs, ThreadPoolExecutor(len(trainers)) as threads:
        of_ensembles = [runs.enter_context(_child(plan, run)) for plan in plans]
        training: dict[Future[TrainedMember], tuple[EnsemblePlan, int]] = {}
        try:
            for plan, of_ensemble in zip(plans, of_ensembles, strict=True):
                for number in range(len(plan.members)):
                    if not _told_of_finished(plan, number, of_ensemble, crew.tell):
                        member = threads.submit(crew.train, plan, number, of_ensemble)
                        training[member] = plan, number
            for trained in as_completed(list(training)):
                plan, number = training.pop(trained)
                plan.files.keep(number, trained.result())
        except BaseException:
            crew.stopped.set()
            threads.shutdown(cancel_futures=True)
            raise
        for plan, of_ensemble in zip(plans, of_ensembles, strict=True):
            _finish(plan, trainers[0].settings, of_ensemble, run)


class _Crew:
    """Trainers that threads take up in turn, until they are stopped."""

    def __init__(self, trainers: Sequence[CnnTrainer], progress: Callable[[int], object]) -> None:
        self._idle: SimpleQueue[CnnTrainer] = SimpleQueue()
        for trainer in trainers:
            self._idle.put(trainer)
        self._progress, self._telling = progress, Lock()
        self.stopped = Event()

    def tell(self, maps: int) -> None:
        """Tells of maps that have been trained on; ends the thread's training once stopped."""
        if self.stopped.is_set():
            raise KeyboardInterrupt
        with self._telling:
            self._progress(maps)

    def train(self, plan: EnsemblePlan, number: int, of_ensemble: Run) -> TrainedMember:
        """Trains a member."""
        trainer, member = self._idle.get(), plan.members[number]
        try:
            with of_ensemble.child(_member_name(number)) as of_member:
                return trainer.train(
                    member,
                    plan.maps,
                    plan.target,
                    passes=plan.passes,
                    run=of_member,
                    progress=self.tell,
                )
        finally:
            self._idle.put(trainer)


@contextmanager
def _child(plan: EnsemblePlan, run: Run) -> Iterator[Run]:
    """The run of an ensemble."""
    with run.child(plan.name) as of_ensemble:
        of_ensemble.tags({"data_set": plan.data_set, "target": plan.target})
        yield of_ensemble


def _member_name(number: int) -> str:
    return f"member_{number:03d}"


def _told_of_finished(
    plan: EnsemblePlan, number: int, of_ensemble: Run, progress: Callable[[int], object]
) -> bool:
    """Reports a member that is finished already; False for others."""
    history = plan.files.history(number)
    if history is None:
        return False
    with of_ensemble.child(_member_name(number)) as of_member:
        for epoch in history:
            report_epoch(epoch, of_member)
    progress(history[-1].maps_seen)
    return True


def _finish(plan: EnsemblePlan, settings: Cnn, of_ensemble: Run, run: Run) -> None:
    """Chooses one of an ensemble's members, and reports the choice."""
    ensemble = plan.files.finish(plan.members, plan.maps, plan.target, settings)
    for number, facts in enumerate(ensemble["members"]):
        for score in MEMBER_SCORES:
            of_ensemble.metric(score, facts[score], step=number)
    chosen = ensemble["members"][ensemble["selected"]]
    summary = {f"selected_{score}": chosen[score] for score in MEMBER_SCORES}
    for fact in ("members_passing", "validation_scatter_dex"):
        summary[fact] = ensemble[fact]
    for score, value in summary.items():
        of_ensemble.metric(score, value)
        run.metric(f"{plan.name}_{score}", value)
