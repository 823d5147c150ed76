// The photograph under its layers, to zoom and to move; all lengths are shares of the frame.

import { button, make } from "./dom.js";
import { layUpright } from "./orientation.js";

const MOST = 16;
const STEP = 1.3;
const NUDGE = 0.1;
const KEYS = {
  "+": (view) => view.zoomBy(STEP),
  "=": (view) => view.zoomBy(STEP),
  "-": (view) => view.zoomBy(1 / STEP),
  0: (view) => view.fit(),
  ArrowLeft: (view) => view.moveBy(NUDGE, 0),
  ArrowRight: (view) => view.moveBy(-NUDGE, 0),
  ArrowUp: (view) => view.moveBy(0, NUDGE),
  ArrowDown: (view) => view.moveBy(0, -NUDGE),
};

/** A frame with a photograph; `root` goes on the page, layers into `stage`. */
export class Viewer {
  #zoom = 1;
  #left = 0;
  #top = 0;
  #pointers = new Map();

  /**
   * @param {string} source Address of the photograph.
   * @param {{width: number, height: number}} size As stored.
   * @param {number} orientation Of EXIF, 1 to 8.
   * @param {string} words What the picture shows.
   */
  constructor(source, size, orientation, words) {
    this.#size(size, orientation);
    this.picture = make("img", { class: "photograph", src: source, alt: words, draggable: false });
    this.stage = make("div", { class: "stage" }, this.picture);
    this.frame = make("div", {
      class: "frame",
      tabIndex: 0,
      role: "group",
      "aria-label": "Photograph with layers. Plus and minus zoom, arrows move, 0 shows all.",
    }, this.stage);
    this.value = make("output", { class: "zoom" });
    this.root = make("div", { class: "viewer" }, this.frame, this.#tools());
    this.frame.style.setProperty("--aspect", String(this.upright.width / this.upright.height));
    this.stage.style.width = `${(100 * size.width) / this.upright.width}%`;
    this.stage.style.height = `${(100 * size.height) / this.upright.height}%`;
    this.#bind();
    this.#place();
  }

  /** Zoom about a point of the frame, its middle where none is given. */
  zoomBy(factor, x = 0.5, y = 0.5) {
    const zoom = Math.min(MOST, Math.max(1, this.#zoom * factor));
    this.#left = x - ((x - this.#left) * zoom) / this.#zoom;
    this.#top = y - ((y - this.#top) * zoom) / this.#zoom;
    this.#zoom = zoom;
    this.#place();
  }

  /** Move the photograph by shares of the frame. */
  moveBy(x, y) {
    this.#left += x;
    this.#top += y;
    this.#place();
  }

  /** Show all of it. */
  fit() {
    this.#zoom = 1;
    this.#place();
  }

  #size(size, orientation) {
    this.stored = size;
    this.upright = layUpright(orientation, size.width, size.height);
  }

  #tools() {
    return make(
      "div",
      { class: "tools" },
      button("−", () => this.zoomBy(1 / STEP), { "aria-label": "Zoom out" }),
      this.value,
      button("+", () => this.zoomBy(STEP), { "aria-label": "Zoom in" }),
      button("Fit", () => this.fit(), { "aria-label": "Show the whole photograph" }),
      make("span", { class: "muted hint" }, "Click the photograph, then turn the wheel or drag."),
    );
  }

  #place() {
    // Nothing but photograph in the frame.
    this.#left = Math.min(0, Math.max(1 - this.#zoom, this.#left));
    this.#top = Math.min(0, Math.max(1 - this.#zoom, this.#top));
    // Percentages are of the stage, whose sides are the stored ones.
    const x = (100 * this.#left * this.upright.width) / this.stored.width;
    const y = (100 * this.#top * this.upright.height) / this.stored.height;
    this.stage.style.transform = `translate(${x}%, ${y}%) scale(${this.#zoom}) ${this.upright.css}`;
    this.stage.style.setProperty("--zoom", String(this.#zoom));
    this.frame.classList.toggle("zoomed", this.#zoom > 1);
    this.value.textContent = `${Math.round(100 * this.#zoom)} %`;
  }

  #bind() {
    const { frame } = this;
    frame.addEventListener("keydown", (event) => {
      const act = KEYS[event.key];
      if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      act(this);
    });
    frame.addEventListener("wheel", (event) => this.#turn(event), { passive: false });
    frame.addEventListener("dblclick", (event) => this.zoomBy(2, ...this.#share(event)));
    frame.addEventListener("pointerdown", (event) => {
      frame.setPointerCapture(event.pointerId);
      this.#pointers.set(event.pointerId, event);
    });
    frame.addEventListener("pointermove", (event) => this.#drag(event));
    for (const name of ["pointerup", "pointercancel"]) {
      frame.addEventListener(name, (event) => this.#pointers.delete(event.pointerId));
    }
  }

  /** The wheel belongs to the page until the photograph was clicked. */
  #turn(event) {
    const outwards = event.deltaY > 0;
    if (!event.ctrlKey && document.activeElement !== this.frame) return;
    if (outwards && this.#zoom === 1 && !event.ctrlKey) return;
    event.preventDefault();
    this.zoomBy(Math.exp(-Math.max(-60, Math.min(60, event.deltaY)) / 250), ...this.#share(event));
  }

  #drag(event) {
    const before = this.#pointers.get(event.pointerId);
    if (!before) return;
    const others = [...this.#pointers.values()].filter((one) => one.pointerId !== event.pointerId);
    this.#pointers.set(event.pointerId, event);
    const box = this.frame.getBoundingClientRect();
    if (others.length === 0) {
      this.moveBy((event.clientX - before.clientX) / box.width, (event.clientY - before.clientY) / box.height);
      return;
    }
    const [other] = others;
    const apart = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY) || 1;
    const middle = { clientX: (event.clientX + other.clientX) / 2, clientY: (event.clientY + other.clientY) / 2 };
    this.zoomBy(apart(event) / apart(before), ...this.#share(middle));
  }

  #share(event) {
    const box = this.frame.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }
}
