// One answer as the words and numbers the page shows; no elements here.

import { WORDS } from "./words.js";

const NONE = "not measured";

/** Return what a reader must know first, worst first: severity, its word, text. */
export function listFindings(analysis) {
  const { dermoscopy, quality, warnings } = analysis;
  const found = [];
  if (dermoscopy && !dermoscopy.is_dermoscopy) {
    found.push(["serious", `This does not look like a dermoscopy (score ${dermoscopy.score.toFixed(2)}, from `
      + `${dermoscopy.threshold.toFixed(2)} on it would). Nothing is said about the diagnosis.`]);
  }
  if (analysis.segmentation?.empty) {
    found.push(["warning", "No lesion was found: the mask is empty. Outline and measures are missing."]);
  }
  for (const flag of quality) found.push([flag.severity, flag.text]);
  for (const text of warnings) found.push(["info", `The file: ${text}.`]);
  const order = Object.keys(WORDS.severities);
  found.sort((one, other) => order.indexOf(one[0]) - order.indexOf(other[0]));
  return found.map(([severity, text]) => ({ severity, word: WORDS.severities[severity] ?? severity, text }));
}

/** Return one sentence about the mask, for those who do not see the picture. */
export function describeLesion(analysis) {
  const lesion = analysis.segmentation;
  if (!lesion) return "No lesion mask was made.";
  if (lesion.empty) return "No lesion was found: the mask is empty.";
  const cut = lesion.touches_border ? ", and touches the photograph's edge" : "";
  return `The lesion covers ${showShare(lesion.area_share)} of the photograph${cut}.`;
}

/** Return the bars, most likely first. */
export function listBars(diagnosis) {
  return Object.entries(diagnosis.probabilities)
    .sort((one, other) => other[1] - one[1])
    .map(([name, value]) => ({
      name,
      words: WORDS.diagnoses[name] ?? name,
      value,
      percent: value >= 0.001 ? `${(100 * value).toFixed(1)} %` : "< 0.1 %",
      chosen: diagnosis.conformal_set.includes(name),
    }));
}

/** Return the set as words before and after what is emphasised; null without one. */
export function describeSet(diagnosis) {
  if (diagnosis.coverage === null) return null;
  const coverage = `${Number((100 * diagnosis.coverage).toFixed(2))} % coverage`;
  const names = diagnosis.conformal_set.map((name) => WORDS.diagnoses[name] ?? name);
  if (!names.length) {
    return ["", `At ${coverage} no diagnosis is left: this photograph is unlike those of the calibration.`];
  }
  const left = names.length === 1 ? "is the only one not ruled out" : "cannot be ruled out";
  return [join(names), ` ${left} at ${coverage}.`];
}

/** Return how far the probabilities can be trusted. */
export function describeCalibration(diagnosis) {
  const known = diagnosis.calibration;
  if (!diagnosis.calibrated || !known) {
    return "These numbers are not calibrated: read them as an order, not as probabilities.";
  }
  return `Calibrated on n = ${known.n.toLocaleString("en")} photographs (${known.split}): expected calibration `
    + `error ${known.ece.toFixed(3)}.${explainOrder(diagnosis)}`;
}

/** Return why a set holds a diagnosis and not a likelier one, where that is so. */
function explainOrder(diagnosis) {
  const kept = diagnosis.conformal_set;
  const least = Math.min(1, ...kept.map((name) => diagnosis.probabilities[name]));
  const likelier = Object.entries(diagnosis.probabilities).some(([name, value]) => !kept.includes(name) && value > least);
  return likelier ? " Each diagnosis has a limit of its own: a rarer one stays at less than a likelier one." : "";
}

/** Return a row for each attribute that was looked for. */
export function listAttributes(analysis) {
  return Object.entries(analysis.attributes).map(([name, found]) => ({
    name,
    words: WORDS.attributes[name] ?? name,
    present: found.present,
    found: found.present ? "yes" : found.probability >= 0.5 ? "likely, not located" : "no",
    percent: `${(100 * found.probability).toFixed(0)} %`,
    share: showShare(found.area_share),
  }));
}

/** Return the ABCD rows: letter, words, value; none without a lesion. */
export function listMeasures(abcd) {
  if (!abcd || abcd.empty) return [];
  const colours = (abcd.colours ?? []).map((name) => {
    const share = abcd.colour_shares?.[name] ?? 0;
    // Not to be broken before the sign.
    return `${WORDS.colours[name] ?? name} ${(100 * share).toFixed(0)}\u00a0%`;
  });
  return [
    ["A", "Asymmetry along the longer axis", showNumber(abcd.asymmetry_major)],
    ["A", "Asymmetry along the shorter axis", showNumber(abcd.asymmetry_minor)],
    ["B", "Compactness (1: a disc)", showNumber(abcd.compactness)],
    ["B", "Solidity (1: no notches)", showNumber(abcd.solidity)],
    ["C", `Colours, ${colours.length} of 6`, colours.join(", ") || "none of the six"],
    ["D", "Longest diameter", showLength(abcd.feret_pixels, abcd.feret_mm)],
    ["D", "Diameter of a disc of the same area", showLength(abcd.equal_area_pixels, abcd.equal_area_mm)],
    ["", "Share of the photograph", showShare(abcd.area_share)],
  ];
}

/** Return similar training cases; none where nothing is said about the diagnosis. */
export function listSimilar(analysis) {
  if (analysis.diagnosis?.abstained) return [];
  return analysis.similar.map((one) => ({
    imageId: one.image_id,
    words: WORDS.diagnoses[one.diagnosis] ?? one.diagnosis,
    distance: one.distance.toFixed(3),
    link: one.link_text,
  }));
}

/** Return a share in percent. */
export function showShare(value) {
  return value >= 0.001 || value === 0 ? `${(100 * value).toFixed(1)} %` : "< 0.1 %";
}

function join(names) {
  if (names.length < 2) return names.join("");
  return `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
}

function showNumber(value) {
  return value === null ? NONE : value.toFixed(2);
}

function showLength(pixels, millimetres) {
  if (pixels === null) return NONE;
  if (millimetres === null) return `${pixels.toFixed(0)} pixels (no scale given: no millimetres)`;
  return `${millimetres.toFixed(1)} mm (${pixels.toFixed(0)} pixels)`;
}
