// How a photograph has to be turned to stand upright: masks are in the stored frame, people are not.

const HEAD = 256 * 1024;
const TAG = 0x0112;

/** Return the EXIF orientation of a file, 1 to 8; 1 where there is none. */
export async function readOrientation(file) {
  try {
    const view = new DataView(await file.slice(0, HEAD).arrayBuffer());
    const start = view.getUint16(0) === 0xffd8 ? findInJpeg(view) : findInPng(view);
    return start === null ? 1 : readTag(view, start);
  } catch {
    // Cut off, or not what it says: the server has its own words for that.
    return 1;
  }
}

/**
 * Return how the stored frame is laid onto the upright one.
 *
 * `swapped`: height and width change places. `css`: a transform for an element of the stored frame
 * with its origin in the upper left corner; lengths are shares of the element's own sides.
 */
export function layUpright(orientation, width, height) {
  const [a, b, c, d, right, down] = PLACES[orientation - 1] ?? PLACES[0];
  const swapped = a === 0;
  const [upright, tall] = swapped ? [height, width] : [width, height];
  const move = `translate(${(100 * right * upright) / width}%, ${(100 * down * tall) / height}%)`;
  return { swapped, width: upright, height: tall, css: `${move} matrix(${a}, ${b}, ${c}, ${d}, 0, 0)` };
}

// The linear part, then whether the origin goes to the right and to the lower side.
const PLACES = [
  [1, 0, 0, 1, 0, 0],
  [-1, 0, 0, 1, 1, 0],
  [-1, 0, 0, -1, 1, 1],
  [1, 0, 0, -1, 0, 1],
  [0, 1, 1, 0, 0, 0],
  [0, 1, -1, 0, 1, 0],
  [0, -1, -1, 0, 1, 1],
  [0, -1, 1, 0, 0, 1],
];

/** Return where the TIFF header of EXIF begins, or null. */
function findInJpeg(view) {
  let place = 2;
  while (view.getUint8(place) === 0xff) {
    const marker = view.getUint8(place + 1);
    if (marker === 0xda) return null;
    if (marker === 0xe1 && view.getUint32(place + 4) === 0x45786966) return place + 10;
    place += 2 + view.getUint16(place + 2);
  }
  return null;
}

function findInPng(view) {
  if (view.getUint32(0) !== 0x89504e47) return null;
  let place = 8;
  for (;;) {
    const kind = view.getUint32(place + 4);
    // eXIf, and the end of what can come before pixels.
    if (kind === 0x65584966) return place + 8;
    if (kind === 0x49444154) return null;
    place += 12 + view.getUint32(place);
  }
}

function readTag(view, start) {
  const little = view.getUint16(start) === 0x4949;
  const directory = start + view.getUint32(start + 4, little);
  const count = view.getUint16(directory, little);
  for (let index = 0; index < count; index += 1) {
    const entry = directory + 2 + 12 * index;
    if (view.getUint16(entry, little) === TAG) {
      const found = view.getUint16(entry + 8, little);
      return found >= 1 && found <= 8 ? found : 1;
    }
  }
  return 1;
}
