"""The tables of docs/reproduce.md, between its markers, and the files beside it."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nevus.errors import UsageError
from nevus.imaging.files import write_atomically
from nevus.reproduction.charts import Line, draw_lines, draw_scatter, pick_term
from nevus.reproduction.claims import RULE, Verdict
from nevus.reproduction.findings import Findings, RowFindings
from nevus.reproduction.pooling import Pooled, pair_photographs

BEGIN = "<!-- written by nevus reproduce report: begin -->"
END = "<!-- written by nevus reproduce report: end -->"

_GROUPS = {"paper": "", "ablation": "ablation: ", "ours": "ours: "}
_SPLITS = {
    "grouped": "look-alikes (and lesions) on one side",
    "leaking": "lesions on both sides",
    "held_out": "look-alikes on one side, thresholds fitted on photographs kept back",
}


def write_report(docs: Path, findings: Sequence[Findings]) -> list[Path]:
    """Write the marked part of ``reproduce.md``, ``results/*.json`` and pictures.

    Args:
        docs: Folder of the documents; ``reproduce.md`` is made or, without markers, added to.
        findings: One or more scales.

    Returns:
        What was written.

    Raises:
        UsageError: The folder is not there, or the document has one marker without the other.
        DiskFullError: There is no room.
    """
    if not docs.is_dir():
        raise UsageError(f"there is no folder {docs}", hint="--docs DIR")
    results = docs / "results"
    results.mkdir(exist_ok=True)
    written: dict[Path, str] = {}
    for found in findings:
        name = f"reproduce-{found.scale}"
        written[results / f"{name}.json"] = json.dumps(found.to_json(), indent=1, allow_nan=False)
        for table in found.tables:
            if text := _render_photographs(found, table):
                written[results / f"{name}-{table}-photographs.json"] = text
        written |= {results / f"{name}-{key}.svg": t for key, t in draw_figures(found).items()}
    page = docs / "reproduce.md"
    written[page] = _place(page, "\n".join(render_scale(found) for found in findings))
    for path, text in written.items():
        write_atomically(path, text.encode())
    return list(written)


def render_scale(found: Findings) -> str:
    """Return tables, verdicts and commands of one scale as Markdown."""
    lines = [f"### Scale `{found.scale}`, {found.folds} folds", ""]
    for name, table in found.tables.items():
        rows = found.rows_of(name)
        lines += [f"#### {table.title}: {table.metric}", ""]
        lines += [f"{_capital(table.scales[found.scale].about)}. Paper: n = {table.paper_n}.", ""]
        lines += [
            "| row | paper | ours | 95 % interval | n | folds | split | seeds | device | hours "
            "| deviations |",
            "|---|---|---|---|---|---|---|---|---|---|---|",
            *(_render_row(row) for row in rows),
            "",
        ]
    lines += ["#### The paper's claims", "", RULE, "", *_render_verdicts(found, "paper"), ""]
    lines += ["#### Questions of ours to the ablations, by the same rule", ""]
    lines += [*_render_verdicts(found, "ours"), ""]
    lines += _render_figures(found)
    return "\n".join([*lines, *_render_commands(found)])


def draw_figures(found: Findings) -> dict[str, str]:
    """Return SVG texts by name: training curves of each table, scatters of each claim."""
    drawn = {}
    for name, table in found.tables.items():
        lines = [line for row in found.rows_of(name) if (line := _make_line(row))]
        unique = list({line.title: line for line in lines}.values())
        if unique:
            title = f"{table.title}, scale {found.scale}: training loss, fold 0"
            drawn[f"{name}-curves"] = draw_lines(
                unique, title=title, across="step", up="loss (adversarial: critic's distance)"
            )
    for (name, claim), verdict in found.verdicts.items():
        first = found.rows[name, verdict.claim.better]
        second = found.rows[name, verdict.claim.worse]
        is_drawn = verdict.claim.by == "paper" and found.tables[name].task == "segmentation"
        if verdict.difference is None or not is_drawn:
            continue
        left, right = pair_photographs(first.arrays, second.arrays)
        drawn[f"{name}-{claim}-scatter"] = draw_scatter(
            right["jaccard"],
            left["jaccard"],
            title=f"Jaccard of each photograph, scale {found.scale}",
            names=(second.row.title, first.row.title),
        )
    return drawn


def _render_photographs(found: Findings, table: str) -> str:
    rows = {row.row.name: row for row in found.rows_of(table) if row.results}
    if not rows:
        return ""
    ids = sorted({i for row in rows.values() for i in row.arrays["image_ids"].tolist()})
    document = {
        "scale": found.scale,
        "table": table,
        "entries": {
            "segmentation": "Jaccard",
            "attributes": "tp, fp, fn as shares of the photograph, summed over attributes",
            "diagnosis": "predicted class, in the order of MEL NV BCC AKIEC BKL DF VASC",
        }[found.tables[table].task],
        "image_ids": ids,
        "rows": {
            name: _align(ids, row.arrays["image_ids"].tolist(), row.per_photograph())
            for name, row in rows.items()
        },
    }
    return json.dumps(document, separators=(",", ":"), allow_nan=False)


def _align(ids: Sequence[str], own: Sequence[str], values: Sequence[object]) -> list[object]:
    # Cases of no weight are not among a row's photographs, nor are folds not yet run.
    known = dict(zip(own, values, strict=False))
    return [known.get(image_id) for image_id in ids]


def _render_row(found: RowFindings) -> str:
    title = f"{_GROUPS[found.row.group]}{found.row.title}"
    paper = "" if found.row.paper is None else tell(found.row.paper, digits=2)
    if found.pooled is None:
        return f"| {title} | {paper} | not run | | | | | | | | {found.row.note} |"
    done = ", ".join(f"{result.fold[0]}" for result in found.results)
    cells = [
        title,
        paper,
        tell(found.pooled.value),
        _interval(found.pooled),
        f"{found.pooled.n}",
        f"{done} of {found.results[0].fold[1]}",
        _SPLITS[found.results[0].trainings[-1]["split"]],
        ", ".join(map(str, found.seeds)),
        "; ".join(found.devices),
        f"{found.hours:.2f}",
        found.row.note,
    ]
    return "| " + " | ".join(cells) + " |"


def _render_verdicts(found: Findings, by: str) -> list[str]:
    chosen = [verdict for verdict in found.verdicts.values() if verdict.claim.by == by]
    lines = [
        "| claim | rows | difference | n | verdict | why |",
        "|---|---|---|---|---|---|",
    ]
    return [*lines, *map(_render_verdict, chosen)]


def _render_verdict(verdict: Verdict) -> str:
    claim, difference = verdict.claim, verdict.difference
    rows = f"`{claim.better}` - `{claim.worse}`"
    told = "" if difference is None else f"{tell(difference.value)} {_interval(difference)}"
    n = "" if difference is None else f"{difference.n}"
    note = f" ({claim.note})" if claim.note else ""
    return (
        f"| {claim.text}{note} | {rows} | {told} | {n} | **{verdict.verdict}** | {verdict.reason} |"
    )


def _render_figures(found: Findings) -> list[str]:
    names = draw_figures(found)
    lines = [f"![{name}](results/reproduce-{found.scale}-{name}.svg)" for name in names]
    return [*lines, ""] if lines else []


def _render_commands(found: Findings) -> list[str]:
    rows = [row for row in found.rows.values() if row.results]
    if not rows:
        return []
    lines = [
        f"#### Commands, scale `{found.scale}`",
        "",
        "`isic2018` is the data root, in the folder where the commands are run. Each ends with "
        "the row's number; trainings that rows share are not repeated.",
        "",
    ]
    for row in rows:
        lines += [f"`{row.table.name}`, {row.row.title}:", "", "```", row.command, "```", ""]
    return lines


def _make_line(row: RowFindings) -> Line | None:
    if not row.results:
        return None
    training = row.results[0].trainings[-1]
    term = pick_term(training["curve"])
    if term is None:
        return None
    title = training["name"].removeprefix(f"{row.table.name}-").split(f"-{row.results[0].scale}-")
    return Line(f"{title[0]} ({term})", training["curve"]["step"], training["curve"][term])


def tell(value: float, *, digits: int = 4) -> str:
    """Return a score as the documents write it: .8074, -.0012, 1.0000."""
    text = f"{value:.{digits}f}"
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text


def _interval(pooled: Pooled) -> str:
    if np.isnan(pooled.low):
        return ""
    return f"[{tell(pooled.low)}, {tell(pooled.high)}]"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _place(page: Path, text: str) -> str:
    old = page.read_text(encoding="utf-8") if page.is_file() else "# Reproduction\n"
    block = f"{BEGIN}\n\n{text}\n{END}"
    if BEGIN not in old and END not in old:
        return f"{old.rstrip()}\n\n## Rows run by `nevus reproduce`\n\n{block}\n"
    before, begin, rest = old.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UsageError(f"{page} has one marker without the other", hint=f"{BEGIN} ... {END}")
    return f"{before}{block}{after}"
