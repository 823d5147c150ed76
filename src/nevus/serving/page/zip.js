// Archives made in the page: stored, not deflated, since PNG does not get smaller.

const TABLE = Uint32Array.from({ length: 256 }, (_, start) => {
  let value = start;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});
const UTF8 = 0x0800;
// 1 January 1980, so that equal answers give equal archives.
const DATE = 0x0021;

/** Return an archive of files, each a name and bytes or text, as a Blob. */
export function pack(files) {
  const encoder = new TextEncoder();
  const [bodies, entries] = [[], []];
  let offset = 0;
  for (const [name, content] of files) {
    const title = encoder.encode(name);
    const data = typeof content === "string" ? encoder.encode(content) : content;
    const common = [20, UTF8, 0, 0, DATE, checksum(data), data.length, data.length, title.length, 0];
    const local = record(0x04034b50, "HHHHHIIIHH", common);
    const central = record(0x02014b50, "HHHHHHIIIHHHHHII", [20, ...common, 0, 0, 0, 0, offset]);
    bodies.push(local, title, data);
    entries.push(central, title);
    offset += local.length + title.length + data.length;
  }
  const size = entries.reduce((sum, one) => sum + one.length, 0);
  const end = record(0x06054b50, "HHHHIIH", [0, 0, files.length, files.length, size, offset, 0]);
  return new Blob([...bodies, ...entries, end], { type: "application/zip" });
}

/** Return the CRC-32 of bytes (ISO 3309). */
export function checksum(data) {
  let value = 0xffffffff;
  for (const byte of data) value = TABLE[(value ^ byte) & 0xff] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

/** Return a signature and numbers of two (H) or four (I) bytes, little end first. */
function record(signature, kinds, numbers) {
  const length = 4 + [...kinds].reduce((sum, kind) => sum + (kind === "H" ? 2 : 4), 0);
  const view = new DataView(new ArrayBuffer(length));
  view.setUint32(0, signature, true);
  let place = 4;
  [...kinds].forEach((kind, index) => {
    if (kind === "H") view.setUint16(place, numbers[index], true);
    else view.setUint32(place, numbers[index], true);
    place += kind === "H" ? 2 : 4;
  });
  return new Uint8Array(view.buffer);
}
