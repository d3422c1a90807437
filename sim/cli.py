"""The command line: what people type, what they are told, and the exit codes that scripts may rely on.

0 done; 2 input refused; 3 run folder in use or not empty; 4 integrity failure; 5 disk or memory; 6 workers lost;
130 stopped from the keyboard; 143 ended on request.
Heavy libraries are imported by the commands that need them, so that help and checks answer at once.
"""

from __future__ import annotations

import shutil
import sys
import textwrap
from pathlib import Path
from typing import Annotated

import typer

NOTICE = "Teaching and research only, never the treatment of a patient."

app = typer.Typer(
    name="titranc",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help=f"Longitudinal simulator of G-CSF titration in neutropenia. {NOTICE}",
)
scenario_app = typer.Typer(no_args_is_help=True, help="List, show and check scenario files.")
guideline_app = typer.Typer(no_args_is_help=True, help="Rules, thresholds, citations and audit notes.")
app.add_typer(scenario_app, name="scenario")
app.add_typer(guideline_app, name="guideline")
model_app = typer.Typer(no_args_is_help=True, help="Body, diseases, drugs: numbers, equations, model card, SBML.")
app.add_typer(model_app, name="model")

ScenarioName = Annotated[str, typer.Argument(help="A scenario file, or the name of a bundled scenario.")]
RunFolder = Annotated[Path, typer.Argument(help="The folder of a finished run.")]


@app.command()
def run(
    scenario: ScenarioName,
    n: Annotated[int | None, typer.Option("-n", help="Number of patients.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of all chance.")] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="key=value, such as policy.edition=source.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; default runs/<name>.")] = None,
    workers: Annotated[int, typer.Option(min=1, max=1024, help="Processes to work in, on this machine.")] = 1,
    scheduler: Annotated[
        str | None, typer.Option(help="Work on a Dask cluster that sees the same folders: tcp://HOST:PORT.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run that stopped in the folder.")] = False,
    open_report: Annotated[bool, typer.Option("--open", help="Open the report when done.")] = False,
) -> None:
    """Run a scenario: tables, report and a summary on the screen."""
    from titranc.sim.scenario import load_scenario

    loaded = load_scenario(scenario, _asked(changes, n, seed))
    from titranc.sim import running

    how = running.How(workers=workers, scheduler=scheduler, resume=resume)
    running.run_and_report(loaded, out or running.default_folder(scenario, resume=resume), how, open_report=open_report)


def _asked(changes: list[str] | None, n: int | None, seed: int | None) -> list[str]:
    """Return what is laid over a scenario: the options that have names of their own last."""
    named = {"cohort.n": n, "seed": seed}
    return [*(changes or []), *(f"{key}={value}" for key, value in named.items() if value is not None)]


@app.command()
def compare(
    what: Annotated[
        list[str], typer.Argument(metavar="SCENARIO|RUN...", help="A scenario with arms, or finished runs.")
    ],
    n: Annotated[int | None, typer.Option("-n", help="Number of patients.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of all chance.")] = None,
    changes: Annotated[list[str] | None, typer.Option("--set", help="key=value, such as horizon_years=5.")] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; default runs/<name>.")] = None,
    workers: Annotated[int, typer.Option(min=1, max=1024, help="Processes to work in, on this machine.")] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run that stopped in the folder.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say which policy is better, for whom, and how sure that is, on the same patients and the same luck."""
    from titranc.sim import comparing, running

    how = running.How(workers=workers, resume=resume)
    comparing.compare(what, _asked(changes, n, seed), out, how, as_json=as_json)


@app.command()
def sweep(
    scenario: ScenarioName,
    over: Annotated[
        list[str],
        typer.Option(
            "--over", help="path=a,b,c or path=low:high:count for a grid; path=low:high[:log] for the other two."
        ),
    ],
    changes: Annotated[list[str] | None, typer.Option("--set", help="key=value, in every cell.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder; default runs/<name>-sweep.")] = None,
    workers: Annotated[int, typer.Option(min=1, max=1024, help="Processes to work in, on this machine.")] = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the sweep that stopped in the folder.")] = False,
    one_way: Annotated[bool, typer.Option("--one-way", help="A tornado: each setting alone, at its ends.")] = False,
    sobol: Annotated[int | None, typer.Option(help="Sobol' indices from so many base points, a power of two.")] = None,
    endpoint: Annotated[str, typer.Option(help="What a tornado or Sobol' indices are of.")] = "share_anc_1_to_5",
) -> None:
    """Run a scenario over settings, on the same patients and luck: a grid, one setting at a time, or all at once.

    Settings are named as in a scenario: adherence.doses_taken, assay.within_subject_cv, policy.overrides.step_ug_per_kg_day,
    cohort.parameters.gcsf_insensitivity.
    """
    from titranc.sim import running, sweeping

    folder = out or running.default_folder(f"{Path(scenario).stem}-sweep", resume=resume)
    if one_way and sobol is not None:
        raise typer.BadParameter("a tornado or Sobol' indices, not both", param_hint="--one-way, --sobol")
    if one_way:
        sweeping.tornado(scenario, changes or [], over, endpoint, folder, workers)
        return
    if sobol is not None:
        sweeping.sobol(scenario, changes or [], over, endpoint, sobol, folder, workers)
        return
    sweeping.sweep(scenario, changes or [], over, folder, running.How(workers=workers, resume=resume))


@app.command()
def validate(
    area: Annotated[
        list[str] | None, typer.Option("--area", help="Only this area, such as chemotherapy; several may be named.")
    ] = None,
    scale: Annotated[
        float, typer.Option(min=0.05, max=20, help="Cohorts so many times the size of their protocols.")
    ] = 1.0,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of the virtual studies; default one of its own.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=1024, help="Processes to work in, on this machine.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder for table and report.")] = Path("runs/validation"),
    report: Annotated[bool, typer.Option("--report/--no-report", help="Write the page with the picture.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Print published numbers against those of virtual studies, with verdicts; five to ten minutes for all."""
    from titranc.sim import validating

    validating.validate(area or [], scale, seed, out, report=report, as_json=as_json, workers=workers)


@app.command()
def report(folder: RunFolder, open_report: Annotated[bool, typer.Option("--open")] = False) -> None:
    """Write the report of a finished run again."""
    from titranc.sim import running

    running.report_again(folder, open_report=open_report)


@app.command()
def explain(
    folder: RunFolder,
    patient: Annotated[int, typer.Option(help="Number of the patient.")] = 0,
    visit: Annotated[int | None, typer.Option(help="Number of one visit.")] = None,
) -> None:
    """Tell why each dose was what it was: rule, sentence, numbers, citation."""
    from titranc.sim import running

    running.explain(folder, patient, visit)


@app.command()
def bench(
    *,
    rl: Annotated[bool, typer.Option("--rl", help="The environment for reinforcement learning instead.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Measure this machine: patient-years per second, and what a big cohort would take."""
    from titranc.sim import benchmark

    if rl:
        benchmark.show_environment(as_json=as_json)
    else:
        benchmark.show(as_json=as_json)


@app.command()
def info(cite: Annotated[bool, typer.Option("--cite", help="How to cite.")] = False) -> None:
    """Versions, folders and how to cite."""
    from titranc.sim import about

    about.show(cite=cite)


@app.command()
def columns(
    table: Annotated[str | None, typer.Argument(help="A table of a run, such as outcomes; default all.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Print every column of a run's tables: unit, meaning, and what the codes of a status are."""
    from titranc.sim import column_tables

    column_tables.show_columns(table, as_json=as_json)


@app.command()
def play(
    scenario: Annotated[str, typer.Argument(help="A scenario file, or the name of a bundled scenario.")] = "scn_child",
    changes: Annotated[list[str] | None, typer.Option("--set", help="key=value, such as horizon_years=2.")] = None,
    patient: Annotated[int, typer.Option(min=0, max=999_999, help="Which patient of the cohort.")] = 0,
    save: Annotated[Path | None, typer.Option(help="Save the session there on leaving.")] = None,
    replay: Annotated[Path | None, typer.Option(help="Go on with a saved session.")] = None,
) -> None:
    """Be the clinician of one patient, in the terminal."""
    from titranc.sim import playing

    playing.play(scenario, changes or [], patient, save, replay)


@app.command()
def web(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to serve at.")] = 8501,
    host: Annotated[
        str, typer.Option(help="Address to serve at; anything but this machine's own is for a class, with a token.")
    ] = "127.0.0.1",
) -> None:
    """Serve the teaching page: be the clinician, watch the guideline, compare policies, ask what if."""
    from titranc.sim.web import serve

    serve.serve(host, port, lambda words: typer.echo(words, err=True))


@app.command("verify")
def verify_run(
    run_folder: Annotated[Path, typer.Argument(help="A finished run.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Check a run from its files alone: digests, the guideline's invariants, some patients simulated again."""
    from titranc.sim import verifying

    verifying.verify(run_folder, as_json=as_json)


@scenario_app.command("list")
def scenario_list() -> None:
    """List the bundled scenarios."""
    from titranc.sim.scenario import list_scenarios

    entries = list_scenarios()
    width = max(len(entry.name) for entry in entries)
    columns = shutil.get_terminal_size().columns
    for entry in entries:
        lines = textwrap.wrap(entry.title, max(columns - width - 2, 24))
        typer.echo(f"{entry.name:{width}}  " + f"\n{'':{width + 2}}".join(lines))


@scenario_app.command("show")
def scenario_show(scenario: ScenarioName) -> None:
    """Print a scenario resolved, with every default in place."""
    from titranc.sim.scenario import load_scenario

    typer.echo(load_scenario(scenario).to_yaml(), nl=False)


@scenario_app.command("check")
def scenario_check(files: Annotated[list[str], typer.Argument(help="Scenario files.")]) -> None:
    """Check scenario files without running them."""
    from titranc.sim.scenario import check_scenario

    for file in files:
        loaded = check_scenario(file)
        typer.echo(f"{file}: good. {loaded.title}")


@scenario_app.command("schema")
def scenario_schema() -> None:
    """Print the JSON Schema of scenario files."""
    import json

    from titranc.sim.scenario import json_schema

    typer.echo(json.dumps(json_schema(), indent=1))


@guideline_app.command("list")
def guideline_list() -> None:
    """List the guideline editions."""
    from titranc.sim import guideline_tables

    guideline_tables.list_editions()


@guideline_app.command("show")
def guideline_show(
    edition: Annotated[str, typer.Argument()] = "source",
    *,
    audit: Annotated[bool, typer.Option("--audit", help="Only the audit: every row, and what answers it.")] = False,
) -> None:
    """Print the rules of an edition with line, citation and audit note."""
    from titranc.sim import guideline_tables

    guideline_tables.show_edition(edition, audit_only=audit)


@guideline_app.command("diff")
def guideline_diff(first: Annotated[str, typer.Argument()], second: Annotated[str, typer.Argument()]) -> None:
    """Print side by side the numbers and rules in which two editions differ."""
    from titranc.sim import guideline_tables

    guideline_tables.show_difference(first, second)


@model_app.command("list")
def model_list(as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """List body, diseases, drugs, outcomes and policies, and how many of their numbers have which grade."""
    from titranc.sim import model_tables

    model_tables.list_models(as_json=as_json)


@model_app.command("show")
def model_show(
    name: Annotated[str, typer.Argument(help="body, or a key of `titranc model list`.")] = "body",
    *,
    equations: Annotated[bool, typer.Option("--equations", help="The body's equations instead.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Print every number with value, unit, spread or range, source and grade."""
    from titranc.sim import model_tables

    model_tables.show_model(name, with_equations=equations, as_json=as_json)


@model_app.command("card")
def model_card(out: Annotated[Path | None, typer.Option(help="File to write; default: print.")] = None) -> None:
    """Print the model card: purpose, equations, parameters with sources, limits, known weaknesses."""
    from titranc.sim import model_tables

    model_tables.show_card(out)


@model_app.command("export")
def model_export(
    sbml: Annotated[Path, typer.Option("--sbml", help="File to write.")],
    disease: Annotated[str, typer.Option(help="Whose typical body.")] = "healthy",
    product: Annotated[str, typer.Option(help="What is given.")] = "filgrastim",
    dose_ug_per_kg_day: Annotated[float, typer.Option(help="Every morning from day 0 on.")] = 0.0,
    days: Annotated[int, typer.Option(help="How many mornings.")] = 60,
) -> None:
    """Write the body of a typical patient and its doses as SBML, for other programs."""
    from titranc.sim import model_tables

    model_tables.export_sbml(sbml, disease, product, dose_ug_per_kg_day, days)


def main() -> None:
    """Run the command line; every foreseeable failure ends in one message and its exit code."""
    from titranc.sim.failures import explained, heed_requests_to_stop

    heed_requests_to_stop()
    try:
        app(standalone_mode=True)
    except SystemExit:
        raise
    except BaseException as error:
        answer = explained(error)
        if answer is None:
            raise
        message, code = answer
        print(message, file=sys.stderr)
        raise SystemExit(code) from None
