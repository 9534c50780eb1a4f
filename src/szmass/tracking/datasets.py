"""Data that DVC keeps, as MLflow's record names it and can fetch it again."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mlflow.data.dataset_source import DatasetSource
from mlflow.data.dataset_source_registry import register_dataset_source
from mlflow.entities import Dataset, DatasetInput, InputTag

from szmass import provenance
from szmass.errors import SzmassError

DVC = "dvc"  # a kind of dataset source, beside MLflow's own


@dataclass(frozen=True)
class DvcSource(DatasetSource):
    """Data that DVC keeps."""

    path: str
    md5: str
    revision: str
    """Git revision or DVC experiment that the data was read under."""

    @staticmethod
    def _get_source_type() -> str:
        return DVC

    @staticmethod
    def _can_resolve(raw_source: Any) -> bool:  # noqa: ARG004
        return False

    @classmethod
    def _resolve(cls, raw_source: Any) -> DvcSource:
        raise SzmassError(f"{raw_source!r}: a path alone is no DVC source, it lacks the digest")

    def to_dict(self) -> dict[str, str]:
        """For MLflow's record."""
        return asdict(self)

    @classmethod
    def from_dict(cls, source_dict: dict[Any, Any]) -> DvcSource:
        """From MLflow's record."""
        return cls(**source_dict)

    def load(self, folder: Path | None = None) -> Path:
        """Copies the data out of DVC's cache or remote, from the repository of the current folder.

        Args:
            folder: where to; the current one if not given.

        Raises:
            SzmassError: neither the revision nor the workspace has the data with this digest.
        """
        from dvc.api import DVCFileSystem

        for revision in (self.revision or None, None):
            files = DVCFileSystem(rev=revision)
            known = files.info(self.path) if files.exists(self.path) else {}
            if known.get("dvc_info", {}).get("md5") == self.md5:
                target = (folder or Path()) / Path(self.path).name
                files.get(self.path, str(target), recursive=True)
                return target
        raise SzmassError(
            f"{self.path}: md5 = {self.md5} is neither at {self.revision!r} nor in the workspace"
        )


register_dataset_source(DvcSource)  # type: ignore[arg-type]  # MLflow's annotation is wrong


def dataset_input(name: str, path: Path, md5: str, *, context: str) -> DatasetInput:
    """A store that a run reads, as MLflow's record of it.

    Args:
        name: in words.
        path: of the store, in the repository.
        md5: DVC's digest of it.
        context: what it is read for.
    """
    revision = provenance.experiment_facts().get("dvc.exp_name") or provenance.code_facts().get(
        "git.rev", ""
    )
    source = DvcSource(path.as_posix(), md5, revision).to_json()
    dataset = Dataset(name, md5, DVC, source)
    return DatasetInput(dataset, [InputTag("mlflow.data.context", context)])
