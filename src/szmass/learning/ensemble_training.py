"""Trains one ensemble: a redshift bin, data set and target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from szmass.learning.compton_arrays import DevelopmentMaps
from szmass.learning.ensemble_files import EnsembleFiles
from szmass.learning.members import CnnTrainer, Member, report_epoch
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

    @property
    def maps_an_epoch(self) -> int:
        """Training maps of all members together."""
        return sum(len(member.train) for member in self.members)


def train_ensemble(
    plan: EnsemblePlan,
    trainer: CnnTrainer,
    files: EnsembleFiles,
    *,
    run: Run,
    progress: Callable[[int], object],
) -> None:
    """Trains the members that are not finished yet, and chooses one of all.

    Args:
        plan: the ensemble.
        trainer: of its network.
        files: where its members are kept.
        run: of the redshift bin. It gets a child for the ensemble, and that one for each member.
        progress: is told of maps as they have been trained on.
    """
    name = f"{plan.data_set}_{plan.target}"
    with run.child(name) as of_ensemble:
        of_ensemble.tags({"data_set": plan.data_set, "target": plan.target})
        for number, member in enumerate(plan.members):
            with of_ensemble.child(f"member_{number:03d}") as of_member:
                history = files.history(number)
                if history is None:
                    trained = trainer.train(
                        member, plan.maps, plan.target, run=of_member, progress=progress
                    )
                    files.keep(number, trained)
                else:
                    for epoch in history:
                        report_epoch(epoch, of_member)
                    progress(len(history) * len(member.train))
        ensemble = files.finish(plan.members, plan.maps, plan.target, trainer.settings)
        for number, facts in enumerate(ensemble["members"]):
            for score in MEMBER_SCORES:
                of_ensemble.metric(score, facts[score], step=number)
        chosen = ensemble["members"][ensemble["selected"]]
        summary = {f"selected_{score}": chosen[score] for score in MEMBER_SCORES}
        summary["members_passing"] = ensemble["members_passing"]
        for score, value in summary.items():
            of_ensemble.metric(score, value)
            run.metric(f"{name}_{score}", value)
