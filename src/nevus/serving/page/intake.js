// Ways a photograph gets in: chosen, taken, dropped, pasted.

import { get } from "./dom.js";

/** Call `take` with files, and `refuse` with a sentence where there are none. */
export function openIntake(take, refuse) {
  bindChooser("choose", "files", take);
  bindChooser("camera", "shot", take);
  bindDrop(take, refuse);
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    take(files);
  });
}

function bindChooser(buttonId, inputId, take) {
  const input = get(inputId);
  get(buttonId).addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    const files = [...input.files];
    // The same file may be chosen again.
    input.value = "";
    if (files.length) take(files);
  });
}

function bindDrop(take, refuse) {
  const root = document.documentElement;
  // Enter and leave come for every element passed over.
  let depth = 0;
  const mark = (by) => {
    depth = by === 0 ? 0 : Math.max(0, depth + by);
    root.classList.toggle("dropping", depth > 0);
  };
  root.addEventListener("dragenter", () => mark(1));
  root.addEventListener("dragleave", () => mark(-1));
  root.addEventListener("dragover", (event) => {
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  root.addEventListener("drop", (event) => {
    event.preventDefault();
    mark(0);
    const entries = [...event.dataTransfer.items].map((one) => one.webkitGetAsEntry?.());
    if (entries.some((one) => one?.isDirectory)) {
      refuse("A folder cannot be dropped here: open it and drop its photographs.");
      return;
    }
    const files = [...event.dataTransfer.files];
    if (files.length) take(files);
    else refuse("No file came with that: save the picture first, then drop its file.");
  });
}
