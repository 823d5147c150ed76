// Photographs and what became of them: two at a time are sent, each in a request of its own.

import { Problem, analyze } from "./api.js";

const AT_ONCE = 2;
const PATIENCE = 30;
const UNPRINTED = /[\p{C}\p{Zl}\p{Zp}]/gu;
let last = 0;

/**
 * The photographs of this page. Listeners of `change` get the item in `detail`, or null.
 *
 * An item has: id, file, name, state, share (sent, 0 to 1), seconds (left to wait), result, problem,
 * took (milliseconds from the first byte to the answer).
 * States: waiting, sending, analysing, pausing, held, done, failed.
 */
export class Queue extends EventTarget {
  items = [];
  /** Why nothing is sent: null, "gone" or "token". */
  blocked = null;

  /** Take files in. */
  add(files) {
    for (const file of files) {
      last += 1;
      const name = cleanName(file.name) || `photograph-${last}`;
      this.items.push({ id: last, file, name, state: "waiting", share: 0, result: null, problem: null });
    }
    this.#tell(null);
    this.#start();
  }

  /** Forget a photograph; what is on its way is cancelled. */
  remove(item) {
    item.control?.abort();
    this.items = this.items.filter((one) => one !== item);
    this.#tell(null);
    this.#start();
  }

  /** Forget all. */
  clear() {
    for (const item of this.items) item.control?.abort();
    this.items = [];
    this.#tell(null);
  }

  /** Send a photograph that failed once more. */
  retry(item) {
    this.#set(item, { state: "waiting", problem: null, share: 0 });
    this.#start();
  }

  /** Go on after the server was gone, or a token was given. */
  resume() {
    this.blocked = null;
    for (const item of this.items) {
      if (item.state === "held") this.#set(item, { state: "waiting", problem: null, share: 0 });
    }
    this.#tell(null);
    this.#start();
  }

  /** Stop sending until `resume`. */
  block(why) {
    this.blocked = why;
    for (const item of this.items) {
      if (item.state === "waiting") this.#set(item, { state: "held" });
    }
    this.#tell(null);
  }

  #start() {
    if (this.blocked) {
      this.block(this.blocked);
      return;
    }
    const busy = this.items.filter((one) => one.control).length;
    const next = this.items.filter((one) => one.state === "waiting").slice(0, AT_ONCE - busy);
    for (const item of next) this.#work(item);
  }

  async #work(item) {
    const control = new AbortController();
    item.control = control;
    try {
      const result = await this.#insist(item, control.signal);
      this.#set(item, { state: "done", result, problem: null, took: performance.now() - item.begun });
    } catch (problem) {
      if (!control.signal.aborted) this.#fail(item, problem);
    } finally {
      item.control = null;
      this.#start();
      this.#tell(item);
    }
  }

  /** Ask until there is an answer: a full queue says when to come back. */
  async #insist(item, signal) {
    for (let left = PATIENCE; ; left -= 1) {
      this.#set(item, { state: "sending", share: 0, begun: performance.now() });
      try {
        return await analyze(item.file, item.name, {
          signal,
          onProgress: (share) => this.#set(item, { share, state: share < 1 ? "sending" : "analysing" }),
        });
      } catch (problem) {
        if (problem.kind !== "busy" || left === 0) throw problem;
        await this.#pause(item, problem.seconds, signal);
      }
    }
  }

  async #pause(item, seconds, signal) {
    for (let left = Math.min(seconds, 60); left > 0; left -= 1) {
      this.#set(item, { state: "pausing", seconds: left });
      await new Promise((resolve) => setTimeout(resolve, 1000));
      if (signal.aborted) throw new Problem("cancelled", "cancelled");
    }
  }

  #fail(item, problem) {
    const kind = problem.kind === "busy" ? "gone" : problem.kind;
    if (kind === "gone" || kind === "token") {
      this.#set(item, { state: "held" });
      this.block(kind);
    } else {
      this.#set(item, { state: "failed", problem });
    }
  }

  #set(item, values) {
    Object.assign(item, values);
    this.#tell(item);
  }

  #tell(item) {
    this.dispatchEvent(new CustomEvent("change", { detail: item }));
  }
}

/** Name the signs that do not print: some reverse the direction of reading. */
function cleanName(name) {
  return name.replace(UNPRINTED, (sign) => `[U+${sign.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}]`);
}
