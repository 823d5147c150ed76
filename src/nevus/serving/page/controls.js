// Switches and sliders of the layers.

import { button, make } from "./dom.js";
import { decodeBase64, makeLayer } from "./layers.js";
import { listAttributes } from "./readout.js";
import { WORDS } from "./words.js";

const START = 80;
const OUTLINE = "lesion";

/** Return the switches; layers are drawn into the viewer's stage as they get ready. */
export function makeControls(viewer, analysis, masks) {
  const root = make("fieldset", { class: "controls" }, make("legend", {}, "Layers over the photograph"));
  const names = Object.keys(masks);
  if (!names.length) root.append(make("p", { class: "muted" }, "There are none: no mask was made."));
  const rows = names.map((name) => makeRow(name));
  root.append(...rows.map((row) => row.root));
  if (names.length) root.append(makeCurtain(viewer));
  drawLayers(viewer, rows, analysis, masks).catch(() => root.append(make(
    "p", { class: "warning note" },
    "This browser does not let the page read pictures, so the layers cannot be drawn. The masks can be downloaded.",
  )));
  return root;
}

/** Return a mask as a PNG file's bytes. */
export function readMaskFile(masks, name) {
  return decodeBase64(masks[name]);
}

async function drawLayers(viewer, rows, analysis, masks) {
  const outlines = [];
  for (const row of rows) {
    const layer = await makeLayer(masks[row.name], row.name, readShare(analysis, row.name));
    if (!layer) {
      row.lack(describeLack(analysis, row.name));
      continue;
    }
    row.drive(layer);
    if (row.name === OUTLINE) outlines.push(layer);
    else viewer.stage.append(layer);
  }
  // The outline lies above the rest, but stands first in the list.
  viewer.stage.append(...outlines);
  viewer.frame.dataset.layers = "drawn";
}

function describeLack(analysis, name) {
  const row = listAttributes(analysis).find((one) => one.name === name);
  return row && row.found !== "no" ? row.found : "nothing found";
}

function readShare(analysis, name) {
  const found = name === OUTLINE ? analysis.segmentation : analysis.attributes[name];
  return found.area_share;
}

function makeRow(name) {
  const words = name === OUTLINE ? "Lesion outline" : WORDS.attributes[name] ?? name;
  const box = make("input", { type: "checkbox", checked: true, name });
  const slider = make("input", {
    type: "range", min: 10, max: 100, step: 5, value: name === OUTLINE ? 100 : START,
    "aria-label": `Strength of ${words}`,
  });
  const label = make(
    "label", {}, box, make("span", { class: `swatch of-${name}`, "aria-hidden": "true" }), words,
  );
  return {
    name,
    root: make("div", { class: "control" }, label, slider),
    lack(why) {
      box.checked = false;
      box.disabled = true;
      slider.replaceWith(make("span", { class: "muted" }, why));
    },
    drive(layer) {
      const apply = () => {
        layer.style.display = box.checked ? "" : "none";
        layer.style.opacity = String(slider.value / 100);
        slider.disabled = !box.checked;
      };
      box.addEventListener("change", apply);
      slider.addEventListener("input", apply);
      apply();
    },
  };
}

/** One press to see the bare photograph, one to have the layers back. */
function makeCurtain(viewer) {
  const curtain = button("Photograph alone", () => {
    const isBare = viewer.frame.classList.toggle("bare");
    curtain.setAttribute("aria-pressed", String(isBare));
  }, { class: "curtain", "aria-pressed": "false" });
  return curtain;
}
