// Masks as outlines that stay sharp at any zoom.

import { draw } from "./dom.js";

const LONG_SIDE = 1024;
/** Turn of each attribute's lines, degrees: where two lie upon each other both are seen. */
const TURNS = { pigment_network: 45, negative_network: -45, streaks: 0, milia_like_cyst: 90, globules: 20 };
const BETWEEN = 48;
const STEPS = [[1, 0], [0, 1], [-1, 0], [0, -1]];

/**
 * Return a mask as an SVG layer over the stored frame, null where it is empty.
 *
 * @param {string} png Base64.
 * @param {string} name `lesion` or an attribute.
 * @param {number} share Of the photograph, as the server counted it.
 * @throws {Error} The browser does not give the mask's true pixels.
 */
export async function makeLayer(png, name, share) {
  const { inside, width, height } = await readMask(png);
  const count = inside.reduce((sum, one) => sum + one, 0);
  // Browsers that blur what pages read from pictures would draw an outline of noise.
  if (Math.abs(count / inside.length - share) > 0.05) throw new Error("mask");
  if (!count) return null;
  const path = trace(inside, width, height);
  const layer = draw("svg", {
    class: `layer of-${name}`,
    viewBox: `0 0 ${width} ${height}`,
    preserveAspectRatio: "none",
    "aria-hidden": "true",
    focusable: "false",
  });
  const outline = draw("path", { class: "line", d: path });
  if (name in TURNS) {
    // Hatched, not tinted: the skin's colour is read, too.
    layer.append(drawHatching(name, Math.max(width, height) / BETWEEN));
    outline.setAttribute("fill", `url(#hatch-${name})`);
  }
  layer.append(draw("path", { class: "halo", d: path }), outline);
  return layer;
}

function drawHatching(name, side) {
  const line = draw("line", { x1: 0, y1: side / 2, x2: side, y2: side / 2, class: "hatch", "stroke-width": side / 10 });
  return draw("defs", {}, draw("pattern", {
    id: `hatch-${name}`, width: side, height: side, patternUnits: "userSpaceOnUse",
    patternTransform: `rotate(${TURNS[name]})`,
  }, line));
}

/** Return base64 as bytes. */
export function decodeBase64(text) {
  return Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
}

async function readMask(png) {
  const blob = new Blob([decodeBase64(png)], { type: "image/png" });
  const picture = await createImageBitmap(blob);
  const scale = Math.min(1, LONG_SIDE / Math.max(picture.width, picture.height));
  const width = Math.max(1, Math.round(scale * picture.width));
  const height = Math.max(1, Math.round(scale * picture.height));
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0, width, height);
  picture.close();
  const { data } = context.getImageData(0, 0, width, height);
  const inside = new Uint8Array(width * height);
  for (let place = 0; place < inside.length; place += 1) inside[place] = data[4 * place] > 127 ? 1 : 0;
  return { inside, width, height };
}

/**
 * Return the border between inside and outside as an SVG path along the pixels' sides.
 *
 * Every side is walked once, inside on the right hand; holes come out the other way round, so that
 * the usual fill rule leaves them open.
 */
export function trace(inside, width, height) {
  const sides = findSides(inside, width, height);
  const columns = width + 1;
  const pieces = [];
  for (let start = 0; start < sides.length; start += 1) {
    while (sides[start]) pieces.push(walk(sides, start, columns));
  }
  return pieces.join("");
}

/** Return for each corner a bit per direction in which a side leaves: east, south, west, north. */
function findSides(inside, width, height) {
  const columns = width + 1;
  const sides = new Uint8Array(columns * (height + 1));
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const place = y * width + x;
      if (!inside[place]) continue;
      const corner = y * columns + x;
      if (y === 0 || !inside[place - width]) sides[corner] |= 1;
      if (x === width - 1 || !inside[place + 1]) sides[corner + 1] |= 2;
      if (y === height - 1 || !inside[place + width]) sides[corner + columns + 1] |= 4;
      if (x === 0 || !inside[place - 1]) sides[corner + columns] |= 8;
    }
  }
  return sides;
}

function walk(sides, start, columns) {
  let [x, y] = [start % columns, Math.floor(start / columns)];
  let heading = choose(sides[start], 0);
  let path = `M${x} ${y}`;
  for (;;) {
    sides[y * columns + x] &= ~(1 << heading);
    x += STEPS[heading][0];
    y += STEPS[heading][1];
    const left = sides[y * columns + x];
    if (!left) return `${path}Z`;
    const next = choose(left, heading);
    if (next !== heading) path += heading % 2 ? `V${y}` : `H${x}`;
    heading = next;
  }
}

/** Return the way on: right before straight before left keeps pixels that touch by a corner apart. */
function choose(sides, heading) {
  for (const turn of [1, 0, 3, 2]) {
    const next = (heading + turn) % 4;
    if (sides & (1 << next)) return next;
  }
  throw new Error("no side leaves this corner");
}
