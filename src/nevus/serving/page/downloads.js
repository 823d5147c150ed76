// Files for the user's disk, named as the command line names them.

import { report } from "./api.js";
import { readMaskFile } from "./controls.js";
import { make } from "./dom.js";
import { WORDS } from "./words.js";
import { pack } from "./zip.js";

const MOST_PER_REPORT = 16;
const MOST_BYTES = 30 * 2 ** 20;
const LONGEST = 100;
const PATIENCE = 30;
// Milliseconds that a report's photographs took together before; half of the usual deadline.
const MOST_TIME = 15_000;
const MASKS = ["lesion", ...Object.keys(WORDS.attributes)];

/** Save the answer of a photograph as JSON. */
export function saveAnalysis(item) {
  const [stem] = nameStems([item]);
  save(new Blob([writeAnalysis(item, stem)], { type: "application/json" }), `${stem}.json`);
}

/** Save a photograph's masks, and its answer, as an archive. */
export function saveMasks(item) {
  const [stem] = nameStems([item]);
  save(pack([["NOTICE.txt", `${WORDS.notice}\n`], ...listFiles(item, stem)]), `${stem}.zip`);
}

/** Save all answers as one archive. */
export function saveAll(items) {
  const stems = nameStems(items);
  const files = items.flatMap((item, place) => listFiles(item, stems[place]));
  save(pack([["NOTICE.txt", `${WORDS.notice}\n`], ...files]), "nevus.zip");
}

/**
 * Save the server's report; several where the photographs do not fit into one request.
 *
 * @param {object[]} items
 * @param {(done: number, all: number) => void} say Told how far it is.
 */
export async function saveReport(items, say = () => {}) {
  const [stem] = items.length === 1 ? nameStems(items) : ["nevus"];
  const parts = share(items);
  let [done, isWhole] = [0, parts.length === 1];
  while (parts.length) {
    say(done, items.length);
    const part = parts.shift();
    try {
      const page = await insist(part);
      const range = isWhole ? "" : `_${done + 1}-${done + part.length}`;
      save(page, `${stem}_report${range}.html`);
      done += part.length;
    } catch (problem) {
      // Too much for the server's deadline: half as much, twice.
      if (problem.kind !== "late" || part.length === 1) throw problem;
      const half = Math.ceil(part.length / 2);
      parts.unshift(part.slice(0, half), part.slice(half));
      isWhole = false;
    }
  }
  say(items.length, items.length);
}

/** Ask for a report until the server has room. */
async function insist(part) {
  for (let left = PATIENCE; ; left -= 1) {
    try {
      return await report(part);
    } catch (problem) {
      if (problem.kind !== "busy" || left === 0) throw problem;
      await new Promise((resolve) => setTimeout(resolve, 1000 * Math.min(problem.seconds, 60)));
    }
  }
}

/** Return a name for each photograph's files: none twice, none with a strange sign. */
export function nameStems(items) {
  const taken = new Set();
  return items.map(({ name }) => {
    const plain = name.split(/[\\/]/).at(-1).replace(/\.(jpe?g|png)$/i, "").normalize("NFC");
    const bare = cut(plain.replace(/[^\p{L}\p{N}_.-]+/gu, "_").replace(/^[.-]+/, "")) || "photograph";
    let stem = bare;
    // What counts are the files: "b_error" beside "b" would be two with a "b_error.json".
    for (let count = 2; listNames(stem).some((one) => taken.has(one)); count += 1) stem = `${bare}-${count}`;
    for (const one of listNames(stem)) taken.add(one);
    return stem;
  });
}

function listNames(stem) {
  const names = [`${stem}.json`, nameError(stem), ...MASKS.map((mask) => nameMask(stem, mask))];
  return names.map((one) => one.toLowerCase());
}

/** Return as many signs as file systems take bytes. */
function cut(text) {
  const signs = [...text];
  while (new Blob([signs.join("")]).size > LONGEST) signs.pop();
  return signs.join("");
}

function nameError(stem) {
  return `${stem}_error.json`;
}

function listFiles(item, stem) {
  if (item.problem) {
    const { code, message: text, hint } = item.problem;
    return [[nameError(stem), `${JSON.stringify({ name: item.name, error: { code, text, hint } }, null, 2)}\n`]];
  }
  const { masks } = item.result;
  const pictures = Object.keys(masks).map((name) => [nameMask(stem, name), readMaskFile(masks, name)]);
  return [[`${stem}.json`, writeAnalysis(item, stem)], ...pictures];
}

/** The answer with the names its masks have in the archive. */
function writeAnalysis(item, stem) {
  const { analysis, masks } = structuredClone(item.result);
  if (analysis.segmentation && masks.lesion) analysis.segmentation.file = nameMask(stem, "lesion");
  for (const [name, found] of Object.entries(analysis.attributes)) {
    if (masks[name]) found.file = nameMask(stem, name);
  }
  return `${JSON.stringify(analysis, null, 2)}\n`;
}

function nameMask(stem, name) {
  return name === "lesion" ? `${stem}_segmentation.png` : `${stem}_attribute_${name}.png`;
}

/** Return items in parts that the service takes. */
function share(items) {
  const parts = [[]];
  let [bytes, time] = [0, 0];
  for (const item of items) {
    const last = parts.at(-1);
    const [moreBytes, moreTime] = [bytes + item.file.size, time + (item.took ?? 0)];
    if (last.length && (last.length === MOST_PER_REPORT || moreBytes > MOST_BYTES || moreTime > MOST_TIME)) {
      parts.push([]);
      [bytes, time] = [0, 0];
    }
    parts.at(-1).push(item);
    bytes += item.file.size;
    time += item.took ?? 0;
  }
  return parts;
}

function save(blob, name) {
  const source = URL.createObjectURL(blob);
  const link = make("a", { href: source, download: name, hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  // Not at once: the browser may not have begun to read.
  setTimeout(() => URL.revokeObjectURL(source), 60_000);
}
