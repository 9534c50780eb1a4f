"""Masses of clusters in maps, with two intervals: for one gas, and with the gas's uncertainty."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache, cached_property

import numpy as np
from threadpoolctl import ThreadpoolController

from szmass.errors import SzmassError, did_you_mean
from szmass.evaluation.posteriors import QUANTILES, MassPosteriors
from szmass.weighing.gas import Gas, prior_nodes
from szmass.weighing.mixture import Inputs, Mixture
from szmass.weighing.novelty import Residual
from szmass.weighing.priors import MassPrior
from szmass.weighing.record import MASS_FUNCTION, Record
from szmass.weighing.spots import Spots

AT_ONCE, ROWS = 96, 48
"""Clusters that are computed together; the last block gets copies, up to a multiple of `ROWS`.
The rounding of a matrix product depends on its number of rows. BLAS's kernels take 4, 8, 12, 16, 24
or 48 rows at a time and may round remaining rows differently; 48 leaves no remainder."""
UNTRUSTED = 2.5e-3
"""Probability at each end of a network's density beyond which the density is set to 0 before a
prior multiplies it."""
SUFFIXES = ("_p2p5", "_p16", "", "_p84", "_p97p5")
"""Of a column's name, for each of `QUANTILES`."""
FLAT, TRAINING = "flat", "training"
"""Priors of every record, as `MASS_FUNCTION` is. The training's masses are flat in log10 M, so that
both are the same."""


class WeighingError(SzmassError):
    """No masses can be had as they are asked for."""


@dataclass(frozen=True)
class Weigher:
    """Weighs clusters with the record of a survey."""

    record: Record

    def inputs(self, maps: np.ndarray, redshift: np.ndarray) -> Inputs:
        """What maps tell the network.

        Args:
            maps: `(n, pixels, pixels)` or `(n, bands, pixels, pixels)`, clusters at the centre.
            redshift: `(n,)`.
        """
        bank, meter, finder = self.record.bank, self.record.meter, self.record.finder
        least = self.record.facts.least_level

        def part(rows: slice, _: slice | np.ndarray) -> dict[str, np.ndarray]:
            images = maps[rows]
            level = np.maximum(meter(images), least)
            spots = asdict(finder(images, level))
            return {"amplitude": bank.amplitudes(images), "level": level, **spots}

        found = _in_blocks(part, len(maps))
        amplitude, level = found.pop("amplitude"), found.pop("level")
        return Inputs(amplitude, level, np.asarray(redshift, float), bank.whitening, Spots(**found))

    def novelty(self, inputs: Inputs, m500_msun: np.ndarray) -> dict[str, np.ndarray]:
        """What is unusual about maps: columns `signal_to_noise`, `chi2` and `flags`.

        Args:
            inputs: of `n` clusters.
            m500_msun: their median masses, `(n,)`.
        """

        def part(rows: slice, filled: slice | np.ndarray) -> dict[str, np.ndarray]:
            told = inputs.at(filled)
            residual = Residual.of(told.amplitude, told.level, self.record.bank)
            kept = slice(rows.stop - rows.start)
            return {name: values[kept] for name, values in asdict(residual).items()}

        residual = Residual(**_in_blocks(part, len(inputs.redshift)))
        flags = self.record.familiar.flags(
            residual,
            inputs.spots,
            level=inputs.level,
            redshift=inputs.redshift,
            m500_msun=m500_msun,
        )
        return {
            "signal_to_noise": residual.signal_to_noise,
            "chi2": residual.chi2,
            "flags": flags,
        }

    def gas(self, name: str) -> Gas:
        """The relation of a model of the gas.

        Raises:
            WeighingError: the record has no such model.
        """
        models = self.record.facts.gas_models
        if name not in models:
            hint = did_you_mean(name, list(models))
            raise WeighingError(f"gas {name!r}: expected one of {', '.join(models)}{hint}")
        return Gas(**{key: np.array(value) for key, value in models[name].items()})

    @cached_property
    def nodes(self) -> tuple[Gas, np.ndarray]:
        """The relations that the total interval is the mean over, and their weights."""
        facts = self.record.facts
        prior = {name: (mean, width) for name, (mean, width) in facts.gas_prior.items()}
        return prior_nodes(prior, facts.gas_nodes)

    @property
    def priors(self) -> dict[str, MassPrior | None]:
        """The priors that can be named; None is flat in log10 M."""
        record = self.record
        everywhere: dict[str, MassPrior | None] = {
            FLAT: None,
            TRAINING: None,
            MASS_FUNCTION: record.mass_function,
        }
        if record.population is None:
            return everywhere
        return {record.facts.survey_prior: record.population, **everywhere}

    def ln_prior(self, prior: str | MassPrior, redshift: np.ndarray) -> np.ndarray:
        """A prior of log10 M at redshifts, as its logarithm, `(n, nodes)`.

        Args:
            prior: its name, or the prior itself.
            redshift: `(n,)`.

        Raises:
            WeighingError: there is no such prior.
        """
        if isinstance(prior, str):
            known = self.priors
            if prior not in known:
                hint = did_you_mean(prior, list(known))
                raise WeighingError(f"prior {prior!r}: expected one of {', '.join(known)}{hint}")
            named = known[prior]
            if named is None:
                return np.zeros((len(redshift), len(self.record.axis)))
            prior = named
        return prior.ln_density(redshift, self.record.axis)

    def posteriors(self, inputs: Inputs, gas: Gas, ln_prior: np.ndarray) -> MassPosteriors:
        """Posteriors under one relation of the gas.

        Args:
            inputs: of `n` clusters.
            gas: one relation.
            ln_prior: `(n, nodes)`.
        """
        density = self.record.ensemble(inputs, gas).density(self.record.axis)
        return _posteriors(self.record.axis, density, ln_prior)

    def in_parts(
        self, inputs: Inputs, *, prior: str | MassPrior, gas: str, total: bool = True
    ) -> Iterator[tuple[slice, MassPosteriors, MassPosteriors | None]]:
        """Blocks of clusters: their rows, posteriors for one gas, and with the gas's uncertainty.

        The latter are of the mean of densities under the flat prior of the training.

        Args:
            inputs: of `n` clusters.
            prior: as for `ln_prior`.
            gas: model whose relation the statistical interval has.
            total: whether the second posteriors are computed as well.
        """
        nodes, weights = self.nodes
        relations = self.gas(gas).followed_by(nodes) if total else self.gas(gas)
        for rows, filled in _blocks(len(inputs.redshift)):
            part, count = inputs.at(filled), rows.stop - rows.start
            ln_prior = self.ln_prior(prior, inputs.redshift[rows])
            told, *others = self._mixtures(part, count, relations)
            mixtures = [told, Mixture.mean_of(others, weights)] if total else [told]
            axis = self.record.axis
            of_one, *of_all = (
                _posteriors(axis, mixture.density(axis), ln_prior) for mixture in mixtures
            )
            yield rows, of_one, of_all[0] if total else None

    def _mixtures(self, inputs: Inputs, count: int, relations: Gas) -> list[Mixture]:
        """Densities of the first clusters under each relation, which share the networks' blocks."""
        number, gas = np.size(relations.alpha), relations.repeated(count)
        features = inputs.features(gas, np.tile(np.arange(count), number))
        told = Mixture.of_parts(
            self.record.ensemble.of_ln_y(features[filled]).at(slice(rows.stop - rows.start))
            for rows, filled in _blocks(len(features))
        ).in_mass(gas)
        starts = range(0, number * count, count)
        return [told.at(slice(start, start + count)) for start in starts]

    def __call__(
        self, inputs: Inputs, *, prior: str | MassPrior, gas: str, total: bool = True
    ) -> dict[str, np.ndarray]:
        """Masses in Msun: medians, and the ends of the 68 and 95 % intervals.

        Args:
            inputs: of `n` clusters.
            prior: as for `ln_prior`.
            gas: model whose relation the statistical interval has.
            total: whether the interval with the gas's uncertainty is computed as well.

        Returns:
            `m500_msun`, `m500_msun_p16` and so on, and with `total` `m500_msun_total_p16` and so
            on; `(n,)` each.
        """

        def part(rows: slice, _: slice | np.ndarray) -> dict[str, np.ndarray]:
            block = inputs.at(rows)
            ((_, of_one, with_gas),) = self.in_parts(block, prior=prior, gas=gas, total=total)
            return columns(of_one, with_gas)

        return _in_blocks(part, len(inputs.redshift))


def columns(of_one: MassPosteriors, with_gas: MassPosteriors | None) -> dict[str, np.ndarray]:
    """Medians and ends of intervals in Msun, by column's name."""
    found: dict[str, np.ndarray] = {}
    for name, posteriors in (("m500_msun", of_one), ("m500_msun_total", with_gas)):
        if posteriors is not None:
            masses_msun = 10.0 ** posteriors.quantiles(QUANTILES).T
            found |= {name + end: mass for end, mass in zip(SUFFIXES, masses_msun, strict=True)}
    return found


def gathered(parts: Iterable[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Columns of all clusters from those of some at a time."""
    kept = list(parts)
    return {name: np.concatenate([part[name] for part in kept]) for name in kept[0]}


def _blocks(count: int) -> Iterator[tuple[slice, slice | np.ndarray]]:
    """Rows of `AT_ONCE` clusters or fewer, and a multiple of `ROWS` that begins with these."""
    for start in range(0, count, AT_ONCE):
        rows = slice(start, min(start + AT_ONCE, count))
        missing = -(rows.stop - start) % ROWS
        filled = np.minimum(np.arange(start, rows.stop + missing), count - 1)
        yield rows, filled if missing else rows


def _in_blocks(
    part: Callable[[slice, slice | np.ndarray], dict[str, np.ndarray]], count: int
) -> dict[str, np.ndarray]:
    """Columns of all clusters from those of each of `_blocks`, by as many threads as cores.

    The blocks are too small for BLAS's own threads, which would spend their time on waiting.
    """
    blocks = zip(*_blocks(count), strict=True)
    with _blas().limit(limits=1):
        if count <= AT_ONCE:
            return gathered(map(part, *blocks))
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as workers:
            return gathered(workers.map(part, *blocks))


@cache
def _blas() -> ThreadpoolController:
    """The libraries that products run in; looking for them takes a millisecond."""
    return ThreadpoolController()


def _posteriors(axis: np.ndarray, density: np.ndarray, ln_prior: np.ndarray) -> MassPosteriors:
    """Posteriors of the networks' densities and a prior, each known up to a factor.

    With a prior that is not flat, the density counts only between its quantiles `UNTRUSTED` and
    1 - `UNTRUSTED`. Its tails beyond rest on few training clusters, and a prior that is a million
    times higher there would give a bright cluster a low mass.
    """
    flat = MassPosteriors.of_weights(axis, density)
    if np.ptp(ln_prior) == 0.0:
        return flat
    below = flat.cumulative()
    trusted = (below >= UNTRUSTED) & (below <= 1.0 - UNTRUSTED)
    # of a density between two nodes
    rows = np.flatnonzero(~trusted.any(axis=1))
    trusted[rows, density[rows].argmax(axis=1)] = True
    ln_prior = np.where(trusted & (density > 0.0), ln_prior, -np.inf)
    prior = np.exp(ln_prior - ln_prior.max(axis=1, keepdims=True))
    return MassPosteriors.of_weights(axis, density * prior)
