"""What is installed, where distributions are missing or of another version."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError

import pytest

from szmass.doctor import installation
from szmass.doctor.finding import State
from szmass.predict import released

REQUIRED = {
    "szmass": [
        "numpy<3,>=2.3",
        'mat>=3; extra == "figures"',
        'szmass[figures]; extra == "pipeline"',
        'store[s3]; extra == "pipeline"',
        'old; python_version < "3" and extra == "pipeline"',
    ],
    "store": ["core", 'store-s3; extra == "s3"'],
}


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Versions of what is installed; the tests change them."""
    versions = {"szmass": "0.1.0", "numpy": "2.4", "mat": "3.1", "store": "1", "store-s3": "1"}

    def version(name: str) -> str:
        if name not in versions:
            raise PackageNotFoundError(name)
        return versions[name]

    def requires(name: str) -> list[str]:
        version(name)
        return REQUIRED.get(name, [])

    class Metadata:
        def get_all(self, _: str) -> list[str]:
            version("szmass")
            return ["pipeline", "figures"]

    monkeypatch.setattr(installation, "version", version)
    monkeypatch.setattr(installation, "requires", requires)
    monkeypatch.setattr(installation, "metadata", lambda _: Metadata())
    return versions


def test_all_is_there(there: dict[str, str]) -> None:
    assert installation.package().state is State.OK
    assert installation.installed_extras() == {"figures": True, "pipeline": True}


def test_a_library_that_every_command_needs(there: dict[str, str]) -> None:
    there["numpy"] = "1.26"
    found = installation.package()
    assert found.state is State.WRONG
    assert found.text.endswith("lacks numpy<3,>=2.3 (it is 1.26)")
    del there["numpy"]
    assert installation.package().text.endswith("lacks numpy")


@pytest.mark.parametrize("missing", ["mat", "store", "store-s3"])
def test_an_extra_is_all_that_it_names(there: dict[str, str], missing: str) -> None:
    """Also what it takes of another extra, and of an extra of another distribution."""
    del there[missing]
    extras = installation.installed_extras()
    assert extras == {"figures": missing != "mat", "pipeline": False}
    assert installation.extras(extras, for_a_run=False).state is State.OK
    found = installation.extras(extras, for_a_run=True)
    assert found.state is State.WRONG
    assert "pipeline" in found.text


def test_szmass_may_run_without_being_installed(there: dict[str, str]) -> None:
    del there["szmass"]
    assert installation.package().state is State.NOTE
    assert installation.installed_extras() == {}


@pytest.mark.parametrize(
    ("installed", "backend", "state", "text"),
    [
        ((), "", State.OK, "not installed"),
        (("keras", "tensorflow"), "", State.OK, "backend tensorflow"),
        (("keras", "jax"), "jax", State.OK, "backend jax"),
        (("keras",), "", State.WRONG, "backend tensorflow is not installed"),
        (("keras",), "torch", State.WRONG, "KERAS_BACKEND = 'torch', which is not installed"),
    ],
)
def test_the_backend_is_looked_for_and_not_imported(
    monkeypatch: pytest.MonkeyPatch,
    installed: tuple[str, ...],
    backend: str,
    state: State,
    text: str,
) -> None:
    monkeypatch.setattr(installation, "find_spec", lambda name: name if name in installed else None)
    monkeypatch.setenv("KERAS_BACKEND", backend)
    found = installation.keras_backend()
    assert found.state is state
    assert found.text.startswith(text)


def test_a_damaged_record_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    assert installation.record().state is State.OK
    monkeypatch.setattr(released, "sha256", lambda _: "0" * 64)
    found = installation.record()
    assert found.state is State.WRONG
    assert "planck.npz: damaged" in found.text
    assert "install szmass again" in found.text
