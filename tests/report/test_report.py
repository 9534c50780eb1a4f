"""The report: complete, true to the metrics, self-contained, and plain about what it lacks."""

from __future__ import annotations

import json
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from helpers import ROOT
from helpers.committed import SETTINGS
from helpers.report_inputs import picture, write_inputs
from szmass.cli import main
from szmass.params import load
from szmass.params.scales import leaves
from szmass.report.page import MOST_BYTES, PARTS, TOP
from szmass.report.record import makers, versions
from szmass.report.results import WIDEST_PIXELS, ReportError, files_of
from szmass.report.summary import SUMMARY, write_summary
from szmass.studies.listing import study_names

MICROWAVE_PAPER = {f"Figure {n}" for n in range(1, 7)}
COMPTON_PAPER = {"Table 1"} | {f"Figure {n}" for n in range(1, 4)}
COMPTON_PAPER |= {f"Supp. Figure {n}" for n in range(1, 12)}
COMPTON_PAPER |= {f"Supp. Table {n}" for n in range(1, 4)}


class Page(HTMLParser):
    """What a test looks for in a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.sources: list[str] = []
        self.tags: list[str] = []
        self.text = text
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if tag == "a" else []
        if tag != "a":
            self.sources += [found[key] for key in ("src", "srcset", "href") if key in found]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all that the report reads, and the current one."""
    write_inputs(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(project: Path) -> Page:
    main(["report"])
    return Page((project / "report.html").read_text())


def change(path: Path, group: str, **values: float) -> None:
    metrics = json.loads(path.read_text())
    metrics[group] |= values
    path.write_text(json.dumps(metrics))


def test_each_figure_and_table_of_both_papers_has_one_place() -> None:
    _, microwave, compton, _ = PARTS
    for part, names in ((microwave, MICROWAVE_PAPER), (compton, COMPTON_PAPER)):
        listed = [name for exhibit in part.exhibits for name in exhibit.names]
        assert sorted(listed) == sorted(names)
        for exhibit in part.exhibits:
            assert exhibit.theirs
            assert exhibit.figures or exhibit.tables or exhibit.study


def test_every_study_has_its_place() -> None:
    named = {exhibit.study for part in PARTS for exhibit in part.exhibits} - {""}
    assert named == set(study_names(ROOT / "studies"))


def test_the_list_at_the_top_leads_to_each_of_them(project: Path) -> None:
    page = written(project)
    assert len(page.ids) == len(set(page.ids))
    inner = {link.removeprefix("#") for link in page.links if link.startswith("#")}
    assert inner <= set(page.ids)
    for part in PARTS:
        assert {part.anchor(exhibit) for exhibit in part.exhibits} <= inner
    top = page.text[: page.text.index("</nav>")]
    for name in MICROWAVE_PAPER | COMPTON_PAPER:
        assert f"<b>{name}</b>" in top
    assert {headline.place for headline in TOP} <= set(page.ids)


def test_each_file_that_it_shows_is_an_output_of_a_stage(project: Path) -> None:
    outputs = {path.as_posix() for path in makers()}
    for file in files_of(PARTS):
        path = Path("metrics") / file
        assert {path.as_posix(), *(parent.as_posix() for parent in path.parents)} & outputs


def test_numbers_are_those_of_the_metrics(project: Path) -> None:
    values = {"scatter_ln_mass_gauss": 0.4321, "scatter_ln_mass_gauss_err": 0.0789}
    change(
        project / "metrics/microwave.json", "mresunet", **values, paper_scatter_ln_mass_gauss=0.6
    )
    change(
        project / "metrics/psz2.json", "all",
        relerr_median_msz=0.31, relerr_p84_msz=0.5, relerr_p16_msz=0.11,
    )  # fmt: skip
    text = written(project).text
    assert text.count("0.432 ± 0.079") == 2  # at the top, and at Figure 5
    assert "paper: 0.600 ± 0.013" in text
    assert "+0.31 +0.19 -0.20" in text


def test_what_a_smaller_run_has_not_is_a_dash(project: Path) -> None:
    path = project / "metrics/microwave.json"
    metrics = json.loads(path.read_text())
    for name in ("profile_residual_m2p0e14", "paper_profile_residual_m2p0e14"):
        del metrics["mresunet"][name]
    path.write_text(json.dumps(metrics))
    row = re.compile(r"<td>residual at 2e14 Msun</td><td>-</td><td>-</td>")
    assert row.search(written(project).text)


def test_the_page_loads_nothing(project: Path) -> None:
    page = written(project)
    assert page.sources
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    assert "url(" not in page.text
    assert "@import" not in page.text
    assert "default-src 'none'" in page.text


def test_a_wide_picture_is_scaled_down(project: Path) -> None:
    file = project / "metrics/figures/compton/figure1.png"
    file.write_bytes(picture(4 * WIDEST_PIXELS, 800))
    assert f'width="{WIDEST_PIXELS}" height="200"' in written(project).text


def test_a_page_that_opens_slowly_is_refused(project: Path) -> None:
    path = project / "metrics/compton_table.md"
    long = path.read_text().replace("| median training mass ", f"| {'x' * MOST_BYTES} ")
    path.write_text(long)
    assert len(long) > MOST_BYTES
    with pytest.raises(SystemExit, match=f"report.html: .* at most {MOST_BYTES}; see the largest"):
        main(["report"])
    assert not (project / "report.html").exists()


def test_a_study_shows_its_command_and_once_run_its_results(project: Path) -> None:
    page = written(project)
    assert "dvc repro studies/saliency/dvc.yaml" in page.text
    folder = project / "studies" / "saliency"
    (folder / "figures").mkdir(parents=True)
    for name in ("supp10_radial_profile.png", "supp9_maps.png"):
        (folder / "figures" / name).write_bytes(picture(50, 50))
    (folder / "table.md").write_text("| radius |\n|--------|\n| 0.7 R500 |\n")
    shown = written(project)
    assert "makes it, then" in page.text
    top = shown.text[: shown.text.index("</nav>")]
    assert "dvc repro studies/saliency/dvc.yaml" not in top
    assert "0.7 R500" in shown.text
    maps, profile = (
        shown.text.index(f'alt="Where the network looks: {name}"')
        for name in ("supp9 maps", "supp10 radial profile")
    )
    assert maps < profile
    assert len(shown.sources) == len(page.sources) + 2


def test_text_of_a_table_is_no_html(project: Path) -> None:
    (project / "studies/leakage").mkdir(parents=True)
    (project / "studies/leakage/table.md").write_text("| <script>x</script> |\n|---|\n| 1 |\n")
    assert "script" not in written(project).tags


def test_versions_are_those_of_dvc_lock(project: Path) -> None:
    text = written(project).text
    lock = (project / "dvc.lock").read_text()
    md5 = re.search(r"path: data/microwave.zarr\n\s+hash: md5\n\s+md5: (\w+.dir)", lock)
    assert md5 is not None
    row = f"<td>data/microwave.zarr</td><td>simulate_microwave</td><td><code>{md5[1]}</code></td>"
    assert row in text
    (project / "dvc.lock").unlink()
    assert "there is no <code>dvc.lock</code> here" in written(project).text


def test_versions_do_not_depend_on_the_order_in_which_stages_last_ran() -> None:
    lock = {
        name: {"outs": [{"path": f"data/{name}.csv", "md5": name, "size": 1}]}
        for name in ("train", "judge", "report")
    }
    found = versions(lock, but="report")
    assert [version.path for version in found] == ["data/judge.csv", "data/train.csv"]
    assert versions(dict(reversed(lock.items())), but="report") == found


def test_settings_that_differ_from_the_scale_and_the_commit(project: Path) -> None:
    assert "Those of scale <b>laptop</b>" in written(project).text
    git = ("git", "-c", "user.name=test", "-c", "user.email=test@localhost")
    subprocess.run([*git, "init", "--quiet"], cwd=project, check=True)
    subprocess.run([*git, "add", "params.yaml"], cwd=project, check=True)
    subprocess.run([*git, "commit", "--quiet", "--message", "settings"], cwd=project, check=True)
    lock = (project / "dvc.lock").read_text()
    epochs = load(SETTINGS).mresunet.epochs
    lock = lock.replace(f"epochs: {epochs}\n", "epochs: 77\n")
    lock = lock.replace("noise_uk_arcmin: 5.0\n", "noise_uk_arcmin: 2.5\n")
    (project / "dvc.lock").write_text(lock)
    text = written(project).text
    cells = "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>"
    assert cells.format("mresunet.epochs", "77", epochs) in text
    assert cells.format("microwave.noise_uk_arcmin", "2.5", "5.0") in text
    assert "differ from scale laptop" in text


def test_each_validated_statistic_stands_beside_what_was_expected(project: Path) -> None:
    text = written(project).text
    assert text.count("2 expectations, 1 failed") == 2
    cells = "<tr>" + 5 * "<td>{}</td>" + "</tr>"
    assert text.count(cells.format("maps", "mean y", "1 to 2.5", "3", "fails")) == 2
    assert text.count(cells.format("maps", "every y", "1 to 9", "2 to 8", "holds")) == 2


def test_a_report_before_its_inputs_names_the_commands(project: Path) -> None:
    (project / "metrics/figures/microwave/figure4_masses.png").unlink()
    (project / "metrics/psz2_table.md").unlink()
    (project / "data/compton/verdict.json").unlink()
    with pytest.raises(SystemExit) as error:
        main(["report"])
    first, *commands = str(error.value).splitlines()
    assert "`make repro` makes them, or `dvc pull` from your group's remote" in first
    assert commands == [
        "dvc repro evaluate_mresunet: metrics/figures/microwave/figure4_masses.png",
        "dvc repro infer_psz2: metrics/psz2_table.md",
        "dvc repro validate_compton: data/compton/verdict.json",
    ]
    assert not (project / "report.html").exists()


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("psz2.json", "{", "psz2.json: cannot be read as JSON"),
        ("psz2.json", "[1]", "psz2.json: all: expected an object of numbers"),
        ("psz2.json", '{"z1": {}}', "psz2.json: all: expected an object of numbers"),
        ("psz2.json", '{"all": {"a": "b"}}', "psz2.json: a = 'b': expected a number"),
        ("compton_table.md", "no table\n", r"compton_table.md: expected a table about '\(Table 1"),
        ("figures/compton/figure1.png", "no image", "figure1.png: expected a PNG image"),
        ("../data/compton/verdict.json", "{}", "verdict.json: cannot be read as a verdict"),
        ("../data/compton/verdict.json", '{"results": [1]}', "read as a verdict"),
        ("../dvc.yaml", "a: [", "dvc.yaml: cannot be read as YAML"),
    ],
)
def test_what_cannot_be_read_is_named_and_the_old_page_stays(
    project: Path, file: str, content: str, message: str
) -> None:
    (project / "report.html").write_text("old")
    (project / "metrics" / file).write_text(content)
    if file == "../dvc.yaml":
        (project / "metrics/psz2.json").unlink()
    with pytest.raises(SystemExit, match=message):
        main(["report"])
    assert (project / "report.html").read_text() == "old"


def test_the_summary_has_the_numbers_of_the_metrics(tmp_path: Path) -> None:
    names = ("weighing", "weighing_microwave", "microwave", "hydro", "cnn", "psz2")
    files = {name: ROOT / "metrics" / f"{name}.json" for name in names}
    write_summary(tmp_path / "summary.json", files)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary == json.loads((ROOT / "metrics" / "summary.json").read_text())
    metrics = {name: json.loads(file.read_text()) for name, file in files.items()}
    assert list(leaves(summary)) == [(name, dict(leaves(metrics))[name]) for name in SUMMARY]


def test_a_summary_of_an_old_or_empty_file_names_it(tmp_path: Path) -> None:
    files = {"hydro": tmp_path / "hydro.json"}
    files["hydro"].write_text('{"scatter_ln_mass_gauss": 0.2}')
    every = dict.fromkeys(("microwave", "cnn", "psz2"), files["hydro"]) | files
    every |= {
        name: ROOT / "metrics" / f"{name}.json" for name in ("weighing", "weighing_microwave")
    }
    with pytest.raises(ReportError, match="hydro.json: mresunet: expected an object of numbers"):
        write_summary(tmp_path / "summary.json", every)
    assert not (tmp_path / "summary.json").exists()


def test_a_page_that_dvc_shares_is_replaced_not_overwritten(project: Path) -> None:
    shared = project / "shared"
    shared.write_text("in the cache")
    shared.chmod(0o444)
    load(project / "params.yaml").paths["report_page"].hardlink_to(shared)
    written(project)
    assert shared.read_text() == "in the cache"


def test_a_number_beside_the_papers_is_marked_with_a_sentence(project: Path) -> None:
    path = project / "metrics/microwave.json"
    values = {"scatter_ln_mass_gauss": 0.183, "scatter_ln_mass_gauss_err": 0.007}
    change(path, "mresunet", **values)
    text = written(project).text
    agrees = ">agrees</em>: 0.20 combined standard errors apart.<"
    assert text.count(agrees) == 1
    differs = r">differs</em>: 2\.\d\d combined .* apart: .* \(<code>bound_train</code>\)"
    assert re.search(differs, text)
    assert text.count(">not comparable</em>: our clusters lie on the stand-in sky") == 3
    change(path, "mresunet", **(values | {"scatter_ln_mass_gauss": 0.4321}))
    assert agrees not in written(project).text


def test_every_table_of_an_exhibit_can_be_saved(project: Path) -> None:
    page = written(project)
    saved = [link for link in page.links if link.startswith("data:text/csv")]
    shown = page.text[: page.text.index('id="made"')].count("<table")
    assert len(saved) == shown
    names = re.findall(r'download="([^"]+)"', page.text)
    assert len(set(names)) == len(names) == len(saved)
    assert "da2022-supp-table-2-1.csv" in names
