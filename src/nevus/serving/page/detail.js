// Everything about the photograph that was selected.

import { makeControls } from "./controls.js";
import { button, get, make } from "./dom.js";
import { saveAnalysis, saveMasks, saveReport } from "./downloads.js";
import { readOrientation } from "./orientation.js";
import { describeLesion } from "./readout.js";
import { showFindings, showReadings } from "./tables.js";
import { describeState } from "./thumbnails.js";
import { Viewer } from "./viewer.js";

let shown = null;
let source = null;

/** Show an item, or nothing where it is null; what is shown already stays as it is. */
export async function showDetail(item, complain) {
  const key = item && `${item.id} ${item.state === "done"}`;
  if (key !== null && key === shown?.key) {
    if (item.state !== "done") shown.state.textContent = describeState(item);
    return;
  }
  forget();
  const root = get("detail");
  root.hidden = !item;
  root.replaceChildren();
  if (!item) return;
  const name = make("h2", { id: "detail-name" }, item.name);
  if (item.state !== "done") {
    const state = make("p", {}, describeState(item));
    root.append(name, state);
    shown = { key, state };
    return;
  }
  shown = { key };
  const orientation = await readOrientation(item.file);
  // Somebody may have gone on to another photograph meanwhile.
  if (shown?.key === key) fillDetail(root, name, item, orientation, complain);
}

function fillDetail(root, name, item, orientation, complain) {
  const { analysis, masks } = item.result;
  source = URL.createObjectURL(item.file);
  const lesion = describeLesion(analysis);
  const viewer = new Viewer(source, analysis.size, orientation, `Photograph. ${lesion}`);
  const turned = orientation > 1 ? ", shown upright" : "";
  const facts = `${analysis.size.width} × ${analysis.size.height} pixels${turned}. ${lesion}`;
  viewer.root.append(makeControls(viewer, analysis, masks));
  root.append(
    make("header", {}, make("p", { class: "printed" }), name, make("p", { class: "muted" }, facts),
      makeActions(item, complain)),
    showFindings(analysis),
    make("div", { class: "columns" }, viewer.root, make("div", { class: "readings" }, showReadings(analysis))),
  );
}

function makeActions(item, complain) {
  const report = button("Report", async () => {
    report.disabled = true;
    report.textContent = "Being made";
    try {
      await saveReport([item]);
    } catch (problem) {
      complain(problem);
    } finally {
      report.disabled = false;
      report.textContent = "Report";
    }
  });
  const hasMasks = Object.keys(item.result.masks).length > 0;
  return make(
    "p",
    { class: "buttons actions" },
    hasMasks ? button("Masks (zip)", () => saveMasks(item)) : null,
    button("JSON", () => saveAnalysis(item)),
    report,
    button("Print", () => window.print()),
  );
}

function forget() {
  if (source) URL.revokeObjectURL(source);
  source = null;
  shown = null;
}
