"""`szmass`: what a person types. Each command is one function; none imports a heavy library."""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path

import szmass
from szmass.params import load
from szmass.params.scales import apply_scale, estimate_cost, read_scale, scale_in_force, scale_names
from szmass.predict.command import OWN, RELEASE, Wanted, predict
from szmass.predict.release import RELEASED, require_reproduced, write_release
from szmass.sharing import pull, share, verify
from szmass.studies.listing import PIPELINE_FILE, STUDIES, description, study_folder, study_names

PARAMS = Path("params.yaml")
SCALES = Path("scales")
RESULTS_PAGE = Path("docs/results.md")
RESULTS = {  # a table's path: the stage that writes it
    "microwave_table": "evaluate_mresunet",
    "psz2_table": "infer_psz2",
}
IN_THE_PAGE = {**RESULTS, "compton_table": "evaluate_cnn"}


class UsageError(ValueError):
    """A command cannot do what it was asked for."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line; an error becomes one line and exit status 1."""
    options = _parser().parse_args(arguments)
    try:
        _require_project()
        options.command(options)
    except (ValueError, OSError) as error:
        sys.exit(f"szmass: {error}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="szmass", description=str(szmass.__doc__).split("\n")[0])
    parser.add_argument("--version", action="version", version=szmass.__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    scale = commands.add_parser("scale", help="write a scale's values into params.yaml")
    scale.add_argument("name", nargs="?", help="one of scales/*.yaml; without it they are listed")
    scale.add_argument(
        "--set",
        action="store_true",
        help="print the values as options of `dvc exp run`, and change nothing",
    )
    scale.set_defaults(command=_scale)

    study = commands.add_parser("study", help="run a study: what `dvc repro` leaves alone")
    study.add_argument("name", nargs="?", help="one of studies/*; without it they are listed")
    study.set_defaults(command=_study)

    report = commands.add_parser("report", help="write the report with all figures and tables")
    report.set_defaults(command=_report)

    summary = commands.add_parser("summary", help="print the results, and what to type next")
    summary.add_argument(
        "--docs", action="store_true", help=f"write the tables into {RESULTS_PAGE} instead"
    )
    summary.set_defaults(command=_summary)

    share = commands.add_parser(
        "share", help="push all data, and pull one output back into a fresh clone"
    )
    share.add_argument("target", help="an output, as data/psz2_masses.csv")
    share.add_argument("--remote", metavar="NAME", help="of `dvc remote list`; else the default")
    share.set_defaults(command=_share)

    pull = commands.add_parser(
        "pull", help="fetch data from a remote, several files at a time, each read again"
    )
    pull.add_argument("targets", nargs="*", metavar="TARGET", help="outputs; else all")
    pull.add_argument("--remote", metavar="NAME", help="of `dvc remote list`; else the default")
    pull.set_defaults(command=_pull)

    verify = commands.add_parser("verify", help="read stored data again, and name what is damaged")
    verify.add_argument("targets", nargs="*", metavar="TARGET", help="outputs; else all")
    verify.add_argument("--remote", metavar="NAME", help="read there, and not DVC's cache")
    verify.add_argument("--remove", action="store_true", help="remove what is damaged")
    verify.set_defaults(command=_verify)

    compare = commands.add_parser("compare", help="MLflow's page that compares runs of a stage")
    compare.add_argument("stage", nargs="?", default="", help="without it, stages are listed")
    compare.add_argument(
        "experiments", nargs="*", help="DVC experiments; without them, the newest runs"
    )
    compare.set_defaults(command=_compare)

    server = commands.add_parser(
        "mlflow-server", help="MLflow for a group, on PostgreSQL and an object store"
    )
    server.add_argument(
        "--folder",
        type=Path,
        default=Path("../szmass-mlflow"),
        help="where it keeps everything (default: %(default)s)",
    )
    server.add_argument("--host", default="127.0.0.1", help="to listen on (default: %(default)s)")
    server.add_argument("--port", type=int, default=5000, help="(default: %(default)s)")
    server.set_defaults(command=_mlflow_server)

    predict = commands.add_parser("predict", help="infer the masses of clusters in y-maps")
    predict.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="maps: .npy, FITS image, .zarr, .h5"
    )
    predict.add_argument("--redshift", metavar="Z", help="of the clusters in FILE")
    predict.add_argument(
        "--pixel-arcmin", type=float, metavar="P", help="side of a pixel, where a file lacks it"
    )
    predict.add_argument(
        "--table", type=Path, metavar="CSV", help="files to read: columns file, redshift[, name]"
    )
    predict.add_argument("--ymap", type=Path, metavar="FITS", help="full-sky y-map, with:")
    predict.add_argument("--catalogue", type=Path, metavar="FITS", help="clusters as in PSZ2")
    predict.add_argument(
        "--prior",
        default="training",
        help="training (the default), flat in log10 M, or a CSV table log10_msun,density",
    )
    predict.add_argument(
        "--models",
        metavar="WHICH",
        help=f"{OWN}: of this pipeline (the default where it has run); {RELEASE}: those that came "
        "with it; or of MLflow's registry, as cnn-ensemble@best or cnn-ensemble/3",
    )
    predict.add_argument("--json", action="store_true", help="print JSON, for programs")
    predict.set_defaults(command=_predict)

    release = commands.add_parser(
        "release", help=f"write the trained models into {RELEASED}, for those who do not train"
    )
    release.set_defaults(command=_release)
    return parser


def _require_project() -> None:
    if not PARAMS.is_file():
        raise UsageError(f"{PARAMS}: not found in {Path.cwd()}; go to the repository's root first")


def _scale(options: argparse.Namespace) -> None:
    if options.name is None:
        for name in scale_names(SCALES):
            first_line = (SCALES / f"{name}.yaml").read_text().partition("\n")[0]
            print(f"{name:10} {first_line.removeprefix('# ')}")
        return
    if options.set:
        values = read_scale(SCALES, options.name)
        print(" ".join(f"-S {key}={_yaml_text(value)}" for key, value in values.items()))
        return
    read_scale(SCALES, options.name)
    for change in apply_scale(PARAMS, SCALES / f"{options.name}.yaml"):
        print(f"{change.key}: {_yaml_text(change.old)} -> {_yaml_text(change.new)}")
    cost = estimate_cost(load(PARAMS))
    print(
        f"{PARAMS} is at scale {options.name}: {cost.maps} maps stored, "
        f"at most {cost.training_maps} seen in training.\n"
        f"Estimate for two CPU cores: {_duration(cost.seconds)}, {cost.memory_gib:.1f} GiB of "
        f"memory, {cost.disk_gib:.2f} GiB of disk. A GPU shortens the training alone."
    )


def _study(options: argparse.Namespace) -> None:
    if options.name is None:
        for name in study_names(STUDIES):
            print(f"{name:16} {description(STUDIES / name)}")
        return
    pipeline = study_folder(STUDIES, options.name) / PIPELINE_FILE
    done = subprocess.run([sys.executable, "-m", "dvc", "repro", str(pipeline)], check=False)  # noqa: S603  # our own file
    if done.returncode:
        raise UsageError(f"{pipeline}: dvc repro ended with status {done.returncode}")


def _report(_options: argparse.Namespace) -> None:
    from szmass.report.page import write_report

    paths = load(PARAMS).paths
    inputs = ("results", "microwave_verdict", "compton_verdict")
    write_report(paths["report_page"], **{name: paths[name] for name in inputs})
    print(paths["report_page"].resolve().as_uri())


def _summary(options: argparse.Namespace) -> None:
    paths = load(PARAMS).paths
    shown = IN_THE_PAGE if options.docs else RESULTS
    there = {key: paths[key] for key in shown if paths[key].is_file()}
    missing = [f"{paths[key]}: dvc repro {shown[key]}" for key in shown if key not in there]
    if not there or (options.docs and missing):
        raise UsageError("\n".join(["not there yet; made by:", *missing]))
    tables = {key: path.read_text().strip() for key, path in there.items()}
    if options.docs:
        RESULTS_PAGE.write_text(_with_tables(RESULTS_PAGE.read_text(), tables))
        return
    local = f"mlflow ui --backend-store-uri sqlite:///{Path.cwd() / 'mlflow.db'}"
    runs = "at MLFLOW_TRACKING_URI" if os.environ.get("MLFLOW_TRACKING_URI") else local
    print(
        "\n\n".join(tables.values()) + "\n\n"
        f"report     {_place(paths['report_page'])}\n"
        f"figures    {_place(paths['microwave_figures'].parent, '/')}\n"
        f"tables     {paths['microwave_table'].parent}/*_table.md\n"
        f"masses     {_place(paths['psz2_masses_csv'])}\n"
        f"metrics    dvc metrics show\n"
        f"runs       {runs}\n"
        f"next       dvc exp run -S mresunet.learning_rate=3e-3"
    )
    if missing:
        print("missing    " + "\n           ".join(missing))


def _place(path: Path, ending: str = "") -> str:
    """Where a result is, or will be."""
    return f"{path}{ending}" + ("" if path.exists() else "  (not there yet: make repro)")


def _compare(options: argparse.Namespace) -> None:
    from szmass.tracking import compare, list_stages

    if not options.stage:
        print(list_stages())
        return
    print(compare(options.stage, options.experiments).as_text())


def _mlflow_server(options: argparse.Namespace) -> None:
    from szmass.mlflow_server import serve

    def started(address: str) -> None:
        print(
            f"MLflow     {address}\n"
            f"runs       PostgreSQL in {options.folder / 'postgres'}\n"
            f"files      SeaweedFS in {options.folder / 'objects'}\n"
            f"send runs  export MLFLOW_TRACKING_URI={address}\n"
            "Ctrl-C ends it; the same command goes on with what is there.",
            flush=True,
        )

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        serve(options.folder, host=options.host, port=options.port, started=started)


def _with_tables(text: str, tables: Mapping[str, str]) -> str:
    """A page with each table between the comments that bear its name."""
    for name, table in tables.items():
        place = re.compile(rf"(<!-- {name} -->\n).*(<!-- /{name} -->)", re.DOTALL)
        text, found = place.subn(rf"\g<1>\n{_escaped(table)}\n\n\g<2>", text)
        if not found:
            raise UsageError(
                f"{RESULTS_PAGE}: expected the lines <!-- {name} --> and <!-- /{name} -->"
            )
    return text


def _predict(options: argparse.Namespace) -> None:
    names = [field.name for field in fields(Wanted)]
    wanted = Wanted(**{name: getattr(options, name) for name in names})
    answer = predict(wanted, load(PARAMS))
    print(answer.as_json() if options.json else answer.as_text())
    if answer.problems:
        sys.exit("\n".join(["szmass: some maps could not be used:", *answer.problems]))


def _release(_options: argparse.Namespace) -> None:
    require_reproduced()
    scale = scale_in_force(PARAMS, SCALES)
    facts = write_release(RELEASED, scale=scale, params_file=PARAMS, paths=load(PARAMS).paths)
    print(
        f"{RELEASED}: models {facts['model_version']}, trained at scale {scale}, "
        f"{facts['archive_bytes'] / 1e6:.1f} MB\n"
        f"next: git add {RELEASED} && git commit"
    )


def _share(options: argparse.Namespace) -> None:
    shared = share(options.target, options.remote)
    print(
        f"{options.target}: {shared.files} files, {shared.bytes / 1e6:.1f} MB, came back from "
        f"{shared.remote} into a fresh clone in {shared.seconds:.1f} s, the same byte for byte"
    )
    if shared.absent:
        print(
            f"{shared.absent} outputs are not on the remote (not here either); "
            f"`szmass verify --remote {shared.remote}` names them"
        )


def _pull(options: argparse.Namespace) -> None:
    pulled = pull(options.targets, options.remote)
    print(
        f"{pulled.files} files came, {pulled.bytes / 1e6:.1f} MB, each with the hash of dvc.lock; "
        f"{pulled.outputs} outputs are in the workspace"
    )


def _verify(options: argparse.Namespace) -> None:
    check = verify(options.targets, options.remote, remove=options.remove)
    where = options.remote or "the cache"
    print(f"{where}: {check.good} files are what dvc.lock says, {len(check.missing)} are not there")
    lines = [f"{file.path}: damaged in {where}, object {file.md5}" for file in check.damaged]
    if options.remote:
        lines += [f"{file.path}: missing in {where}" for file in check.missing]
    if lines:
        again = "dvc push, where the data is" if options.remote else "dvc pull, or dvc repro"
        if check.to_remove and not options.remove:
            again = f"the same command with --remove, then {again}"
        sys.exit("\n".join([*lines, f"szmass: to mend it: {again}"]))


def _escaped(text: str) -> str:
    """Text for the replacement of a regular expression."""
    return text.replace("\\", r"\\")


def _yaml_text(value: object) -> str:
    """A scalar as YAML writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _duration(seconds: float) -> str:
    """A duration in the unit that suits it."""
    for unit, length, most in (("seconds", 1, 120), ("minutes", 60, 120), ("hours", 3600, 48)):
        if seconds < most * length:
            return f"about {seconds / length:.0f} {unit}"
    return f"about {seconds / 86400:.0f} days"
