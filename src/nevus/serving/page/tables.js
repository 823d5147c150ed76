// What is known about a photograph, section by section.

import { make } from "./dom.js";
import * as readout from "./readout.js";
import { WORDS } from "./words.js";

/** Return the list of what is wrong with the photograph. */
export function showFindings(analysis) {
  const rows = readout.listFindings(analysis);
  if (!rows.length) return make("p", { class: "fine" }, "No fault of the photograph was found.");
  return make(
    "ul",
    { class: "findings", "aria-label": "Quality of the photograph" },
    rows.map((row) => make("li", { class: row.severity }, make("strong", {}, row.word), " ", row.text)),
  );
}

/** Return the sections of an analysis, in reading order. */
export function showReadings(analysis) {
  return [
    showDiagnosis(analysis.diagnosis),
    showAttributes(analysis),
    showMeasures(analysis.abcd),
    showSimilar(analysis),
    showModels(analysis.models),
  ].filter(Boolean);
}

/** Return a table of models. */
export function tabulateModels(models) {
  const head = ["Model", "Task", "Licence", "Trained on", "sha256"];
  const rows = models.map((one) => [one.name, one.task, one.licence, one.training_data, one.sha256]);
  const table = tabulate("Models", head, rows);
  table.className = "wide";
  const region = { class: "scroll", role: "region", tabIndex: 0, "aria-label": "Models" };
  return make("div", region, table);
}

function section(title, ...inside) {
  return make("section", {}, make("h3", {}, title), ...inside);
}

function tabulate(caption, head, rows) {
  return make(
    "table",
    {},
    make("caption", { class: "hidden" }, caption),
    make("thead", {}, make("tr", {}, head.map((one) => make("th", { scope: "col" }, one)))),
    make("tbody", {}, rows.map(([first, ...rest]) => make(
      "tr", {}, make("th", { scope: "row" }, first), rest.map((one) => make("td", {}, one)),
    ))),
  );
}

function showDiagnosis(diagnosis) {
  if (!diagnosis) return null;
  const title = "Class probabilities";
  if (diagnosis.abstained || !diagnosis.probabilities) {
    return section(title, make("p", { class: "silent" }, make("strong", {}, "No statement. "), diagnosis.reason ?? ""));
  }
  const set = readout.describeSet(diagnosis);
  return section(
    title,
    set && make("p", { class: "set" }, make("strong", {}, set[0]), set[1]),
    tabulateBars(readout.listBars(diagnosis)),
    make("p", { class: "muted" }, readout.describeCalibration(diagnosis)),
  );
}

function tabulateBars(bars) {
  const rows = bars.map((bar) => [
    make("span", {}, bar.words, bar.chosen ? make("em", {}, "in the set") : null),
    makeBar(bar.value),
    bar.percent,
  ]);
  const table = tabulate("Diagnoses by probability", ["Diagnosis", "Bar", "Probability"], rows);
  table.className = "bars";
  table.tHead.className = "hidden";
  bars.forEach((bar, place) => table.tBodies[0].rows[place].classList.toggle("chosen", bar.chosen));
  return table;
}

function makeBar(value) {
  const part = make("span", { class: "part" });
  part.style.width = `${100 * value}%`;
  return make("span", { class: "track", "aria-hidden": "true" }, part);
}

function showAttributes(analysis) {
  const found = readout.listAttributes(analysis);
  if (!found.length) return null;
  const rows = found.map((row) => [row.words, row.found, row.percent, row.share]);
  const table = tabulate("Dermoscopic attributes", ["Attribute", "Found", "Probability", "Area"], rows);
  table.className = "numbers";
  found.forEach((row, place) => table.tBodies[0].rows[place].classList.toggle("chosen", row.present));
  return section(
    "Dermoscopic attributes", table,
    make("p", { class: "muted" }, "“No” is not “absent”: rare attributes are rather missed than marked wrongly. “Likely, "
      + "not located”: the photograph as a whole speaks for it, no place of it clearly enough."),
  );
}

function showMeasures(abcd) {
  const rows = readout.listMeasures(abcd);
  const table = rows.length
    ? tabulateMeasures(rows)
    : make("p", {}, "Nothing to measure: there is no lesion mask.");
  return section("Measured on the outline (ABCD)", table, rows.length ? showDefinitions() : null, showLeftOut());
}

function tabulateMeasures(rows) {
  const body = rows.map(([letter, words, value]) => make(
    "tr", {}, make("td", { class: "letter" }, letter), make("th", { scope: "row" }, words), make("td", {}, value),
  ));
  const head = ["Letter", "Measure", "Value"].map((one) => make("th", { scope: "col" }, one));
  return make(
    "table", { class: "measures" },
    make("caption", { class: "hidden" }, "Measures of the lesion"),
    make("thead", { class: "hidden" }, make("tr", {}, head)),
    make("tbody", {}, body),
  );
}

function showDefinitions() {
  return make(
    "details", {},
    make("summary", {}, "How each is made"),
    make("dl", {}, WORDS.definitions.map((one) => [
      make("dt", {}, `${one.letter} ${one.name.replaceAll("_", " ")}`.trim()),
      make("dd", {}, `${one.formula}. Unit: ${one.unit}. Source: ${one.source}.`),
    ]).flat()),
  );
}

function showLeftOut() {
  return make(
    "details", { class: "left-out" },
    make("summary", {}, `Not assessed (${WORDS.notAssessed.length}); these are measures, no score`),
    make("ul", {}, WORDS.notAssessed.map((text) => make("li", {}, text))),
  );
}

function showSimilar(analysis) {
  const rows = readout.listSimilar(analysis);
  if (!rows.length) return null;
  const table = tabulate(
    "Similar training cases", ["Case", "Its diagnosis", "Distance"],
    rows.map((row) => [row.imageId, row.words, row.distance]),
  );
  table.className = "similar";
  return section(
    "Similar training cases", table,
    make("p", { class: "muted" }, "Near in the network's features, nearest first; that two look alike to it proves "
      + `nothing. The first: ${rows[0].link}.`),
  );
}

function showModels(models) {
  if (!models.length) return null;
  return make(
    "section", {},
    make("details", {}, make("summary", {}, "Models that had a part"), tabulateModels(models)),
  );
}
