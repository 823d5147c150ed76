// The list of photographs: a small picture, the name, how far it is, what can be done.

import { button, get, make } from "./dom.js";

const SIDE = 192;
const rows = new Map();
// One at a time: a large photograph takes hundreds of MB while it is decoded.
let chain = Promise.resolve();

/** Show items; `acts` holds select, remove and retry, each called with an item. */
export function showList(items, selected, acts) {
  const known = new Set(items);
  for (const [item, row] of rows) {
    if (!known.has(item)) {
      row.root.remove();
      rows.delete(item);
    }
  }
  for (const item of items) {
    if (!rows.has(item)) {
      rows.set(item, makeRow(item, acts));
      get("list").append(rows.get(item).root);
    }
    updateRow(rows.get(item), item, item === selected);
  }
}

/** Return what is said of an item's state. */
export function describeState(item) {
  const { state, share, seconds, problem } = item;
  if (state === "waiting") return "Waits its turn";
  if (state === "sending") return `Sending, ${Math.round(100 * share)} %`;
  if (state === "analysing") return "Being analysed";
  if (state === "pausing") return `The server is busy, again in ${seconds} s`;
  if (state === "held") return "Not sent yet";
  if (state === "failed") return describeProblem(problem, `${item.name}: `);
  return "";
}

function describeProblem({ message, hint }, before) {
  // The name stands above it already.
  const text = message.startsWith(before) ? message.slice(before.length) : message;
  return hint ? `${text} (${hint})` : text;
}

function makeRow(item, acts) {
  const picture = make("canvas", { class: "thumbnail", width: SIDE, height: SIDE, "aria-hidden": "true" });
  const row = {
    status: make("span", { class: "state" }),
    badge: make("span", { class: "badge" }),
    bar: make("progress", { max: 1, "aria-label": "Progress" }),
    retry: button("Try again", () => acts.retry(item)),
    remove: button("×", () => acts.remove(item), { class: "remove" }),
  };
  row.removeText = make("span", { class: "hidden" });
  row.remove.append(row.removeText);
  row.select = make(
    "button",
    { type: "button", class: "select" },
    picture,
    make("span", { class: "lines" }, make("span", { class: "name" }, item.name), row.badge, row.status),
  );
  row.select.addEventListener("click", () => acts.select(item));
  row.root = make("li", {}, row.select, row.remove, row.bar, row.retry);
  chain = chain.then(() => drawThumbnail(picture, item)).catch(() => {});
  return row;
}

function updateRow(row, item, isSelected) {
  const { state, problem } = item;
  row.root.className = `item is-${state}`;
  row.status.textContent = describeState(item);
  row.select.toggleAttribute("aria-current", isSelected);
  if (isSelected) row.select.setAttribute("aria-current", "true");
  row.bar.hidden = !["waiting", "sending", "analysing", "pausing"].includes(state);
  if (state === "analysing") row.bar.removeAttribute("value");
  else row.bar.value = state === "sending" ? item.share : 0;
  row.retry.hidden = state !== "failed" || !canRetry(problem);
  row.removeText.textContent = `${item.control ? "Cancel" : "Remove"} ${item.name}`;
  row.badge.hidden = state !== "done";
  if (state === "done") showBadge(row.badge, item.result.analysis);
}

/** A photograph that cannot be read stays so; what the service could not do, it may do later. */
function canRetry(problem) {
  return ["worker_died", "defect", "deadline", "too_slow", "wrong_host", "other_site"].includes(problem.code)
    || /^\d+$/.test(problem.code);
}

function showBadge(badge, analysis) {
  const serious = analysis.quality.some((one) => one.severity === "serious");
  const warned = analysis.quality.some((one) => one.severity === "warning");
  const strange = analysis.dermoscopy?.is_dermoscopy === false;
  const kind = strange || serious ? "serious" : warned ? "warning" : "fine";
  badge.className = `badge ${kind}`;
  badge.textContent = strange ? "No dermoscopy" : serious ? "Serious finding" : warned ? "Warning" : "Done";
}

async function drawThumbnail(canvas, item) {
  if (!rows.has(item)) return;
  const picture = await createImageBitmap(item.file);
  const side = Math.min(picture.width, picture.height);
  const [left, top] = [(picture.width - side) / 2, (picture.height - side) / 2];
  canvas.getContext("2d").drawImage(picture, left, top, side, side, 0, 0, SIDE, SIDE);
  picture.close();
}
