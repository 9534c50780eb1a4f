"""What a person types, run on a copy of the project's settings."""

from __future__ import annotations

import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from helpers import ROOT
from helpers.committed import in_git
from szmass.cli import READER_GONE, SHELLS, VERBS, _parser, main
from szmass.cli.summary import IN_THE_PAGE, RESULTS, RESULTS_PAGE, STUDIES_IN_THE_PAGE
from szmass.params import load
from szmass.params.scales import read_scale, scale_in_force, scale_names

SCALES = scale_names(ROOT / "scales")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the project's params.yaml and scales, and the current one."""
    shutil.copytree(ROOT / "scales", tmp_path / "scales")
    (tmp_path / "params.yaml").write_text(in_git("params.yaml"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def effective(project: Path) -> dict[str, object]:
    """The values of params.yaml by dotted key."""
    flat: dict[str, object] = {}

    def walk(tree: dict, prefix: str) -> None:
        for name, value in tree.items():
            if isinstance(value, dict):
                walk(value, f"{prefix}{name}.")
            else:
                flat[f"{prefix}{name}"] = value

    walk(YAML(typ="safe").load(project / "params.yaml"), "")
    return flat


@pytest.mark.parametrize("name", VERBS)
def test_the_help_of_a_verb_has_an_example_that_can_be_typed(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="^0$"):
        main([name, "--help"])
    example = capsys.readouterr().out.partition("example: ")[2]
    program, *words = shlex.split(example)
    assert (program, words[0]) == ("szmass", name)
    assert _parser().parse_args(words).run == VERBS[name].run


def test_the_help_begins_with_what_a_user_needs_first(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="^0$"):
        main(["--help"])
    printed = capsys.readouterr().out
    names = re.findall(r"^ {4}([a-z][a-z-]+)(?:  |$)", printed, re.MULTILINE)
    assert names == list(VERBS)
    assert (names[0], names[-1]) == ("predict", "release")


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_is_told_every_command_and_option(
    capsys: pytest.CaptureFixture[str], shell: str
) -> None:
    with pytest.raises(SystemExit, match="^0$"):
        main(["--completion", shell])
    script = capsys.readouterr().out
    assert all(name in script for name in VERBS)
    assert "pixel-arcmin" in script


def in_bash(script: str, words: str, folder: Path) -> str:
    """What bash completes the last word to."""
    typed = words.split()
    ask = f"COMP_WORDS=({words}); COMP_CWORD={len(typed) - 1}; _shtab_szmass; echo $COMPREPLY"
    return printed_by(["bash", "-c", f"{script}\n{ask}"], folder)


def in_fish(script: str, words: str, folder: Path) -> str:
    """What fish offers for the last word, without its description."""
    offered = printed_by(["fish", "-c", f"{script}\ncomplete --do-complete '{words}'"], folder)
    return offered.partition("\t")[0]


def in_zsh(script: str, words: str, folder: Path) -> str:
    """The last word after the Tab key, which zsh completes in a terminal alone."""
    (folder / "_szmass").write_text(script)
    (folder / ".zshrc").write_text(
        "fpath=($PWD $fpath); autoload -U compinit; compinit -u -D\n"
        'tell() { zle expand-or-complete; print -r -- "<$BUFFER>" }\n'
        "zle -N tell; bindkey '^I' tell; PS1='ready> '\n"
    )
    ours, theirs = pty.openpty()
    zsh = subprocess.Popen(
        ["zsh", "-d", "-i"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "TERM": "dumb", "ZDOTDIR": str(folder)},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = ""
    for typed, answer in (("", "ready> "), (f"{words}\t", ">\r\n")):
        os.write(ours, typed.encode())
        while answer not in shown:
            shown += os.read(ours, 4096).decode()
    zsh.kill()
    zsh.wait()
    os.close(ours)
    return shown.rpartition("<")[2].partition(">")[0].split()[-1]


def printed_by(command: list[str], folder: Path) -> str:
    """What a command prints in a folder."""
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("szmass doc", "doctor"),
        ("szmass predict --pix", "--pixel-arcmin"),
        ("szmass predict cuto", "cutout.fits"),
        ("szmass predict --table cuto", "cutout.fits"),
    ],
)
@pytest.mark.parametrize("complete", [in_bash, in_fish, in_zsh])
def test_a_shell_completes(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    complete: Callable[[str, str, Path], str],
    words: str,
    expected: str,
) -> None:
    shell = complete.__name__.removeprefix("in_")
    if shutil.which(shell) is None and not os.environ.get("CI"):
        pytest.skip(f"needs {shell}: apt install {shell}")
    (tmp_path / "cutout.fits").touch()
    with pytest.raises(SystemExit, match="^0$"):
        main(["--completion", shell])
    assert complete(capsys.readouterr().out, words, tmp_path).strip() == expected


@pytest.mark.parametrize("words", ["scale laptop", "--help", "predict nothing.npy --redshift 1"])
def test_a_reader_that_goes_ends_a_command_without_a_word(project: Path, words: str) -> None:
    """`szmass ... | head`: no traceback and no "Broken pipe"; an error of its own is still told."""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as output:
        done = subprocess.run(
            [sys.executable, "-c", f"from szmass.cli import main; main({words.split()!r})"],
            cwd=project,
            env={"PYTHONPATH": str(ROOT / "src")},
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    own = {"scale laptop": READER_GONE, "--help": 0}
    assert done.returncode == own.get(words, 1)
    if words in own:
        assert done.stderr == ""
    else:
        assert done.stderr.startswith("szmass: ")
    assert "pipe" not in done.stderr


def test_the_committed_params_are_scale_laptop(project: Path) -> None:
    values = effective(project)
    expected = read_scale(project / "scales", "laptop")
    assert {key: values[key] for key in expected} == expected


def test_all_scales_set_the_same_keys(project: Path) -> None:
    keys = {name: set(read_scale(project / "scales", name)) for name in SCALES}
    assert {"smoke", "laptop", "paper"} <= set(SCALES)
    assert all(of_scale == keys["laptop"] for of_scale in keys.values()), keys


@pytest.mark.parametrize("name", SCALES)
def test_a_scale_changes_its_values_and_nothing_else(project: Path, name: str) -> None:
    before, lines = effective(project), (project / "params.yaml").read_text().splitlines()
    main(["scale", name])
    wanted = read_scale(project / "scales", name)
    assert effective(project) == before | wanted
    load(project / "params.yaml")
    after = (project / "params.yaml").read_text().splitlines()
    assert len(after) == len(lines)
    changed = [
        new.split(":")[0].strip() for old, new in zip(lines, after, strict=True) if old != new
    ]
    assert set(changed) <= {key.split(".")[-1] for key in wanted}
    comments = re.compile("#.*")
    assert [comments.findall(line) for line in after] == [comments.findall(line) for line in lines]
    assert not list(project.glob("*.unfinished"))


def test_there_and_back_leaves_the_file_as_it_was(project: Path) -> None:
    before = (project / "params.yaml").read_bytes()
    main(["scale", "paper"])
    assert (project / "params.yaml").read_bytes() != before
    main(["scale", "laptop"])
    assert (project / "params.yaml").read_bytes() == before


def test_a_hand_edit_of_another_key_survives(project: Path) -> None:
    edited = (project / "params.yaml").read_text().replace("redshift: 0.7", "redshift: 0.65")
    (project / "params.yaml").write_text(edited + "# a note of mine\n")
    main(["scale", "smoke"])
    assert effective(project)["microwave.redshift"] == 0.65
    assert (project / "params.yaml").read_text().endswith("# a note of mine\n")


def test_scale_prints_the_difference_and_what_to_type_next(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["scale", "paper"])
    printed = capsys.readouterr().out
    assert "mresunet.width: 8 -> 64\n" in printed
    assert printed.endswith("params.yaml is at scale paper\nnext: dvc repro\n")
    main(["scale", "paper"])
    assert "->" not in capsys.readouterr().out


def test_scale_as_options_of_an_experiment(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (project / "params.yaml").read_bytes()
    main(["scale", "smoke", "--set"])
    options = capsys.readouterr().out.split()
    assert options[::2] == ["-S"] * (len(options) // 2)
    expected = read_scale(project / "scales", "smoke")
    assert dict(option.split("=") for option in options[1::2]) == {
        key: str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in expected.items()
    }
    assert (project / "params.yaml").read_bytes() == before


def test_the_comment_of_scale_paper_counts_its_maps(project: Path) -> None:
    main(["scale", "paper"])
    comment = (project / "scales" / "paper.yaml").read_text().partition("\n")[0]
    params = load(project / "params.yaml")
    sets, hydro, compton = params.microwave_sets, params.hydro, params.compton
    training, other = len(sets.training_masses_1e14), len(sets.other_masses_1e14)
    maps = training * (sets.train_maps + sets.validation_maps) + other * sets.spare_maps
    maps += (training + other) * sets.test_maps + 2 * sets.scatter_maps
    maps += hydro.clusters * hydro.realisations
    others = (len(params.baryon_models) - 1) * compton.other_model_clusters
    developed = compton.development_clusters * compton.development_projections
    maps += 2 * (developed + len(params.bins) * (compton.test_clusters + others))
    assert f"{maps:,} maps".replace(",", " ") in comment


def test_scale_alone_lists_the_scales(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["scale"])
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == SCALES


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("mresunet: {widht: 4}", r"mresunet.widht: no such key in params.yaml; did you mean mresu"),
        ("mresunet: {width: 0}", r"scales/mine.yaml: mresunet.width = 0: expected a number above"),
        ("mresunet: {width: wide}", r"mresunet.width = 'wide': expected a whole number"),
        ("mresunet: {prior_range_1e14: [1, 2]}", r"prior_range_1e14 = \[1, 2\]: expected a scalar"),
        ("seed: 1\nseed: 2", r"scales/mine.yaml: cannot be read as YAML"),
        ("just words", r"scales/mine.yaml: expected keys and their values"),
    ],
)
def test_a_bad_scale_is_named_and_changes_nothing(
    project: Path, content: str, message: str
) -> None:
    (project / "scales" / "mine.yaml").write_text(content)
    before = (project / "params.yaml").read_bytes()
    with pytest.raises(SystemExit, match=message):
        main(["scale", "mine"])
    assert (project / "params.yaml").read_bytes() == before
    assert not list(project.glob("*.unfinished"))


def test_an_unknown_scale_names_the_near_one(project: Path) -> None:
    with pytest.raises(SystemExit, match="'papre': no scale among .*; did you mean paper"):
        main(["scale", "papre"])


@pytest.mark.parametrize("name", SCALES)
def test_the_scale_in_force_is_known(project: Path, name: str) -> None:
    main(["scale", name])
    assert scale_in_force(project / "params.yaml", project / "scales") == name


def test_values_of_no_scale_are_named(project: Path) -> None:
    edited = (project / "params.yaml").read_text().replace("m200_members: 1", "m200_members: 5")
    (project / "params.yaml").write_text(edited)
    with pytest.raises(
        ValueError, match="at no scale; to be at laptop: cnn.m200_members = 5: expected 1"
    ):
        scale_in_force(project / "params.yaml", project / "scales")


def test_outside_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="params.yaml: not found in .*; go to the repository"):
        main(["scale", "paper"])


def write_tables(project: Path, *names: str) -> None:
    for name in names:
        table = load(project / "params.yaml").paths[name]
        table.parent.mkdir(parents=True, exist_ok=True)
        table.write_text(f"| {name} |\n|---|\n| \\1 |\n")


def test_summary_prints_the_tables_and_what_to_type_next(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(SystemExit, match="microwave_table.md: dvc repro evaluate_mresunet"):
        main(["summary"])
    write_tables(project, "weighing_table", "microwave_table")
    main(["summary"])
    printed = capsys.readouterr().out
    assert printed.startswith("| weighing_table |\n|---|\n| \\1 |\n")
    assert f"mlflow ui --backend-store-uri sqlite:///{project}/mlflow.db" in printed
    later = "  (not there yet: make repro)\n"
    places = ("report.html", "metrics/figures/", "data/psz2_masses.csv")
    assert all(f" {place}{later}" in printed for place in places)
    for place in places:
        (project / place).mkdir(parents=True)
    assert "missing    metrics/psz2_table.md: dvc repro infer_psz2\n" in printed
    write_tables(project, *RESULTS)
    main(["summary"])
    printed = capsys.readouterr().out
    assert all(name in printed for name in RESULTS)
    assert all(f" {place}\n" in printed for place in places)
    assert "missing" not in printed


def test_summary_gives_the_pages_of_mlflow_or_says_why_not(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> str:
        raise tracking.TrackingError("MLflow at http://host: refused")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from szmass import tracking
    write_tables(project, *RESULTS)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setattr(tracking, "pages_in_words", lambda: "weighing  runs  http://host")
    main(["summary"])
    assert "pages of MLflow" not in capsys.readouterr().out  # there is no database yet
    (project / "mlflow.db").touch()
    main(["summary"])
    printed = capsys.readouterr().out
    assert printed.endswith("pages of MLflow, once its server runs:\nweighing  runs  http://host\n")
    monkeypatch.setattr(tracking, "pages_in_words", away)
    main(["summary"])
    assert "pages of MLflow: MLflow at http://host: refused\n" in capsys.readouterr().out


def test_summary_writes_the_tables_into_the_page_of_results(project: Path) -> None:
    with pytest.raises(SystemExit, match="psz2_table.md: dvc repro infer_psz2"):
        main(["summary", "--docs"])
    write_tables(project, *IN_THE_PAGE)
    places = "".join(f"<!-- {name} -->\nold\n<!-- /{name} -->\nbetween\n" for name in IN_THE_PAGE)
    (project / "docs").mkdir()
    (project / RESULTS_PAGE).write_text(f"before\n{places}")
    for _ in range(2):
        main(["summary", "--docs"])
        assert (project / RESULTS_PAGE).read_text() == "before\n" + "".join(
            f"<!-- {name} -->\n\n| {name} |\n|---|\n| \\1 |\n\n<!-- /{name} -->\nbetween\n"
            for name in IN_THE_PAGE
        )
    (project / RESULTS_PAGE).write_text(f"{places}<!-- paper_recipe --><!-- /paper_recipe -->\n")
    (study,) = STUDIES_IN_THE_PAGE.values()
    (project / study).parent.mkdir(parents=True, exist_ok=True)
    (project / study).write_text("of a study\n")
    with pytest.raises(SystemExit, match="<!-- paper_recipe -->"):
        main(["summary", "--docs"])
    place = "<!-- paper_recipe -->\n\nof a study\n\n<!-- /paper_recipe -->\n"
    (project / RESULTS_PAGE).write_text(f"{places}{place.replace('of a study', 'not run yet')}")
    main(["summary", "--docs"])
    assert (project / RESULTS_PAGE).read_text().endswith(place)
    (project / RESULTS_PAGE).write_text("no place for it\n")
    with pytest.raises(SystemExit, match="results.md: expected the lines <!-- weighing_table -->"):
        main(["summary", "--docs"])


@pytest.mark.parametrize("name", IN_THE_PAGE)
def test_the_page_of_results_has_the_committed_tables(name: str) -> None:
    """Made equal by `szmass summary --docs`."""
    table = in_git(f"metrics/{name}.md").strip()
    assert f"<!-- {name} -->\n\n{table}\n\n<!-- /{name} -->" in in_git("docs/results.md")
