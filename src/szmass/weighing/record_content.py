"""Checks of a record's file, before anything is computed with it."""

from __future__ import annotations

import hashlib
import io
import json
import math
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from szmass.errors import SzmassError

LARGEST_BYTES = 2**27
"""Of all arrays of a record together; that of Planck's maps has 1 MB."""
RELATION = ("alpha", "log10_b", "sigma_lny")
MOST = 10_000
"""Of anything that is counted."""
TOLD = 6
"""Inputs of a network beside the amplitudes: ln level, z, ln z, and three of the gas."""


class ContentError(SzmassError):
    """A fact or an array of a record is missing or wrong; the message names it."""


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an `.npz` file, by name.

    The size that an array states is compared with its bytes before memory is allocated for it.

    Raises:
        ContentError: they are too large, or an array is cut short, stands twice, or is of objects.
        zipfile.BadZipFile, OSError, ValueError and others: the file is none or is damaged.
    """
    arrays: dict[str, np.ndarray] = {}
    with zipfile.ZipFile(path) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
        if size > LARGEST_BYTES:
            raise ContentError(f"{size} bytes of arrays: expected at most {LARGEST_BYTES}")
        for entry in archive.infolist():
            name = entry.filename.removesuffix(".npy")
            if name in arrays:
                raise ContentError(f"array {name!r} stands twice: expected it once")
            arrays[name] = _array(name, archive.read(entry))
    return arrays


def _array(name: str, content: bytes) -> np.ndarray:
    file = io.BytesIO(content)
    if npy.read_magic(file) != (1, 0):
        raise ContentError(f"array {name!r}: expected one of numbers, as numpy.save writes it")
    shape, fortran_order, dtype = npy.read_array_header_1_0(file)
    held = len(content) - file.tell()
    if dtype.hasobject or math.prod(shape) * dtype.itemsize != held:
        raise ContentError(
            f"array {name!r} of shape {shape}, {dtype}: expected so much in its {held} bytes"
        )
    values = np.frombuffer(content, dtype, offset=file.tell()).copy()
    return values.reshape(shape[::-1]).T if fortran_order else values.reshape(shape)


def content_digest(facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of facts and arrays, in hexadecimal digits."""
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for name, values in sorted(arrays.items()):
        digest.update(f"{name} {values.dtype.str} {values.shape}".encode())
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def require_digest(
    digest: object, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
) -> None:
    """Requires that a digest is that of facts and arrays.

    Raises:
        ContentError: the content was changed after the digest was made.
    """
    if digest != content_digest(facts, arrays):
        raise ContentError(f"digest = {digest!r}: expected that of the content, which was changed")


def _finite(value: object) -> bool:
    real = isinstance(value, int | float) and not isinstance(value, bool)
    return real and math.isfinite(value)  # type: ignore[arg-type]


def _numbers(value: object, count: int) -> bool:
    return isinstance(value, list) and len(value) == count and all(map(_finite, value))


def _is_relation(value: object, is_value: Callable[[Any], bool]) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == set(RELATION)
        and all(map(is_value, value.values()))
    )


KINDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "str": ("a text", lambda value: isinstance(value, str)),
    "int": (
        f"a whole number from 1 to {MOST}",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST,
    ),
    "float": ("a number", _finite),
    "float | None": (
        "a number above 0, or none",
        lambda value: value is None or (_finite(value) and value > 0),
    ),
    "list[str]": (
        "names, each once",
        lambda value: (
            isinstance(value, list)
            and bool(value)
            and all(isinstance(name, str) for name in value)
            and len(set(value)) == len(value)
        ),
    ),
    "list[float]": (
        "two numbers that ascend",
        lambda value: _numbers(value, 2) and value[0] < value[1],
    ),
    "dict[str, dict[str, float]]": (
        f"{', '.join(RELATION)} of each model by name",
        lambda value: (
            isinstance(value, dict)
            and bool(value)
            and all(_is_relation(relation, _finite) for relation in value.values())
        ),
    ),
    "dict[str, list[float]]": (
        f"mean and width, from 0, of {', '.join(RELATION)}",
        lambda value: _is_relation(value, lambda pair: _numbers(pair, 2) and pair[1] >= 0),
    ),
}
"""By the type that a fact is declared with: what is expected, and whether a value is it."""
OF_ANY_SIGN = ("y_centre",)
PAIRS = (
    ("level_variance", "level_modes"),
    ("population_width_ln_z", "population_width_dex"),
)
"""Facts that a record has both or neither of."""


def require_facts(facts: Mapping[str, Any], kinds: Mapping[str, str]) -> None:
    """Requires facts of their declared types, positive where they are quantities.

    Args:
        facts: by name.
        kinds: their declared types by name, keys of `KINDS`.

    Raises:
        ContentError: one is of another kind.
    """
    if differing := sorted(set(kinds).symmetric_difference(facts)):
        raise ContentError(f"{', '.join(differing)}: expected the facts {', '.join(kinds)}")
    for name, kind in kinds.items():
        expected, is_one = KINDS[kind]
        positive = kind == "float" and name not in OF_ANY_SIGN
        if not is_one(facts[name]) or (positive and not facts[name] > 0):
            above = " above 0" if positive else ""
            raise ContentError(f"{name} = {str(facts[name])[:60]!r}: expected {expected}{above}")
    if (gas := facts["reference_gas"]) not in facts["gas_models"]:
        models = ", ".join(facts["gas_models"])
        raise ContentError(f"reference_gas = {gas!r}: expected one of {models}")
    if facts["redshifts"][0] <= 0:
        raise ContentError(f"redshifts = {facts['redshifts']}: expected numbers above 0")
    for one, other in PAIRS:
        if (facts[one] is None) != (facts[other] is None):
            raise ContentError(f"{one} = {facts[one]!r}: expected a number as {other} is, or none")
    if facts["gas_nodes"] > 100:
        raise ContentError(f"gas_nodes = {facts['gas_nodes']}: expected at most 100")


def require_arrays(arrays: Mapping[str, np.ndarray], facts: Any) -> None:
    """Requires the arrays that the facts imply: their shapes, and finite numbers in them.

    Args:
        arrays: by name.
        facts: `Facts` of the record.

    Raises:
        ContentError: an array is missing or wrong; the message names it.
    """
    check = _Arrays(arrays)
    filters = check("filters", (None, len(facts.bands) * facts.pixels**2))[0]
    check("noise_covariance", (filters, filters), above=-math.inf)
    diagonal = np.diagonal(arrays["noise_covariance"])
    if not (diagonal > 0).all():
        raise ContentError("array 'noise_covariance': expected numbers above 0 on its diagonal")
    (features,) = check("feature_centre", (None,))
    check("feature_scale", (features,), above=0.0)
    if not filters + TOLD < features <= 2 * filters + TOLD:
        raise ContentError(
            f"array 'feature_centre' of shape ({features},): expected from {filters + TOLD + 1} to "
            f"{2 * filters + TOLD}, for {filters} filters"
        )
    if facts.population_width_dex is not None:
        (clusters,) = check("population_redshift", (None,), above=0.0)
        check("population_log10_m500c_msun", (clusters,))
    (redshifts,) = check("mass_function_redshift", (None,), above=0.0, ascends=True)
    check("mass_function_density", (redshifts, facts.axis_nodes), above=0.0)
    check("usual_elsewhere", (1,), above=-1.0)  # 0 of maps that have no place elsewhere
    for name in ("chi2", "compact", "offset_arcmin"):
        check(f"usual_{name}", (2, None))
        check.ascending(f"usual_{name}", arrays[f"usual_{name}"][0])
        if not (arrays[f"usual_{name}"][1] > 0).all():
            raise ContentError(f"array 'usual_{name}': expected limits above 0")
    for network in range(facts.networks):
        _require_network(check, network, facts.arrays_a_network, features)


def _require_network(check: _Arrays, network: int, count: int, features: int) -> None:
    """Requires layers whose shapes fit, outputs in threes, and a kernel from inputs to outputs."""
    if count < 3 or count % 2 == 0:
        raise ContentError(f"arrays_a_network = {count}: expected 3, 5, 7, ...")
    width = features
    for number in range(0, count - 1, 2):
        _, after = check(f"network_{network}_{number}", (width, None))
        check(f"network_{network}_{number + 1}", (after,))
        width = after
    if width % 3:
        raise ContentError(
            f"array 'network_{network}_{count - 2}': expected a multiple of 3 outputs"
        )
    check(f"network_{network}_{count - 1}", (features, width))


class _Arrays:
    """Checks arrays by name."""

    def __init__(self, arrays: Mapping[str, np.ndarray]) -> None:
        self._arrays = arrays

    def __call__(
        self,
        name: str,
        shape: Sequence[int | None],
        *,
        above: float = -math.inf,
        ascends: bool = False,
    ) -> tuple[int, ...]:
        """Requires an array of finite numbers; returns its shape, in which None is any length."""
        if name not in self._arrays:
            raise ContentError(
                f"expected an array {name!r}, found {', '.join(sorted(self._arrays))[:400]}"
            )
        values = self._arrays[name]
        expected = ", ".join("any" if length is None else str(length) for length in shape)
        if len(values.shape) != len(shape) or any(
            length not in {None, found} or found == 0
            for length, found in zip(shape, values.shape, strict=True)
        ):
            raise ContentError(f"array {name!r} of shape {values.shape}: expected ({expected})")
        if values.dtype.kind != "f" or not np.isfinite(values).all():
            raise ContentError(f"array {name!r}, {values.dtype}: expected finite real numbers")
        if not (values > above).all():
            raise ContentError(f"array {name!r}: expected numbers above {above:g}")
        if ascends:
            self.ascending(name, values)
        return values.shape

    @staticmethod
    def ascending(name: str, values: np.ndarray) -> None:
        """Requires numbers that ascend."""
        if not (np.diff(values) >= 0).all():
            raise ContentError(f"array {name!r}: expected numbers that ascend")
