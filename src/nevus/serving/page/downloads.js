// Files for the user's disk, named as the command line names them.

import { report } from "./api.js";
import { readMaskFile } from "./controls.js";
import { make } from "./dom.js";
import { WORDS } from "./words.js";
import { pack } from "./zip.js";

const MOST_PER_REPORT = 16;
const MOST_BYTES = 30 * 2 ** 20;
const LONGEST = 100;

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

/** Save the server's report; several where the photographs do not fit into one request. */
export async function saveReport(items) {
  const parts = share(items);
  const [stem] = items.length === 1 ? nameStems(items) : ["nevus"];
  for (const [place, part] of parts.entries()) {
    const page = await report(part);
    const count = parts.length > 1 ? `_${place + 1}_of_${parts.length}` : "";
    save(page, `${stem}_report${count}.html`);
  }
}

/** Return a name for each photograph's files: none twice, none with a strange sign. */
export function nameStems(items) {
  const taken = new Set();
  return items.map(({ name }) => {
    const plain = name.split(/[\\/]/).at(-1).replace(/\.(jpe?g|png)$/i, "");
    const bare = plain.replace(/[^A-Za-z0-9_.-]+/g, "_").replace(/^[.-]+/, "").slice(0, LONGEST) || "photograph";
    let stem = bare;
    for (let count = 2; taken.has(stem.toLowerCase()); count += 1) stem = `${bare}-${count}`;
    taken.add(stem.toLowerCase());
    return stem;
  });
}

function listFiles(item, stem) {
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
  let bytes = 0;
  for (const item of items) {
    const last = parts.at(-1);
    if (last.length && (last.length === MOST_PER_REPORT || bytes + item.file.size > MOST_BYTES)) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1).push(item);
    bytes += item.file.size;
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
