// The page: what is added goes to the queue, what the queue says goes on the page.

import { hasToken, models, setToken } from "./api.js";
import { showDetail } from "./detail.js";
import { get } from "./dom.js";
import { saveAll, saveReport } from "./downloads.js";
import { openIntake } from "./intake.js";
import { Queue } from "./queue.js";
import { tabulateModels } from "./tables.js";
import { showList } from "./thumbnails.js";

const GONE = "The server does not answer. Your photographs are still here: try again when it is back.";
const queue = new Queue();
let selected = null;
let wasChosen = false;
let pending = false;

function choose(item) {
  selected = item;
  wasChosen = true;
  show();
}

/** Put the queue's state on the page, once per frame however much changed. */
function plan() {
  if (pending) return;
  pending = true;
  setTimeout(show, 30);
}

function show() {
  pending = false;
  const { items } = queue;
  if (!items.includes(selected)) wasChosen = false;
  if (!wasChosen) selected = items.find((one) => one.state !== "failed") ?? items[0] ?? null;
  get("work").hidden = !items.length;
  document.documentElement.classList.toggle("busy", items.length > 0);
  showList(items, selected, {
    select: (item) => {
      choose(item);
      get("detail").scrollIntoView({ block: "nearest" });
    },
    remove: (item) => queue.remove(item),
    retry: (item) => queue.retry(item),
  });
  showCount(items);
  showTrouble();
  showDetail(selected, complain);
}

function showCount(items) {
  const done = items.filter((one) => one.state === "done").length;
  const failed = items.filter((one) => one.state === "failed").length;
  const text = `${done} of ${items.length} analysed${failed ? `, ${failed} not possible` : ""}`;
  for (const id of ["count", "told"]) {
    // Said again only where it changed.
    if (get(id).textContent !== text) get(id).textContent = text;
  }
  get("all-zip").disabled = get("all-report").disabled = done === 0;
}

function showTrouble() {
  get("token").hidden = queue.blocked !== "token";
  if (queue.blocked === "token") get("server").textContent = "Asks for a token";
  if (queue.blocked === "gone") {
    tell(GONE, true);
    get("server").textContent = "Not reachable";
  } else if (queue.blocked === "token" && hasToken()) {
    tell("The server does not take this token.", false);
  } else if (get("again").hidden === false) {
    get("trouble").hidden = true;
  }
}

function tell(text, canRetry) {
  if (get("trouble-text").textContent !== text) get("trouble-text").textContent = text;
  get("again").hidden = !canRetry;
  get("trouble").hidden = false;
}

/** Say what went wrong besides the photographs' own troubles. */
function complain(problem) {
  if (problem.kind === "token") queue.block("token");
  else tell(problem.hint ? `${problem.message} (${problem.hint})` : problem.message, false);
}

async function greet() {
  try {
    const told = await models();
    get("server").textContent = "Ready";
    get("version").textContent = `nevus ${told.nevus}`;
    get("models-list").replaceChildren(tabulateModels(told.models));
    get("models").hidden = false;
  } catch (problem) {
    if (problem.kind === "token") {
      queue.block("token");
    } else if (problem.kind === "busy") {
      get("server").textContent = "The server is starting";
      setTimeout(greet, 1000 * problem.seconds);
    }
  }
}

function bind() {
  openIntake(
    (files) => {
      get("trouble").hidden = true;
      queue.add(files);
    },
    (text) => tell(text, false),
  );
  queue.addEventListener("change", plan);
  get("again").addEventListener("click", () => {
    get("trouble").hidden = true;
    queue.resume();
    greet();
  });
  get("token").addEventListener("submit", (event) => {
    event.preventDefault();
    setToken(get("token-value").value);
    get("token-value").value = "";
    get("trouble").hidden = true;
    queue.resume();
    greet();
  });
  get("clear").addEventListener("click", () => {
    queue.clear();
    get("choose").focus();
  });
  get("all-zip").addEventListener("click", () => saveAll(listAnswered()));
  get("all-report").addEventListener("click", async (event) => {
    event.target.disabled = true;
    const say = (done, all) => {
      event.target.textContent = done < all ? `Report: ${done} of ${all}` : "Report of all";
    };
    await saveReport(listAnswered(), say).catch(complain);
    say(0, 0);
    event.target.disabled = false;
  });
  // Paper has no way to open what is folded.
  window.addEventListener("beforeprint", () => {
    for (const one of document.querySelectorAll("#detail details")) one.open = true;
    const printed = document.querySelector("#detail .printed");
    if (printed) printed.textContent = `Printed ${new Date().toLocaleString()}, ${get("version").textContent}`;
  });
}

/** What the server has an answer for: an analysis, or what is wrong with the file. */
function listAnswered() {
  return queue.items.filter((one) => one.state === "done" || one.problem?.kind === "file");
}

bind();
greet();
