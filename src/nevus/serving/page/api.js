// Requests to the service this page came from.

const SILENCE = 90_000;
let token = "";

/** What went wrong with a request. `kind`: gone, busy, late, token, file, refused, cancelled. */
export class Problem extends Error {
  constructor(kind, text, { hint = null, seconds = 2, code = kind } = {}) {
    super(text);
    Object.assign(this, { kind, hint, seconds, code });
  }
}

/** Keep the token for this page's requests, in memory alone. */
export function setToken(value) {
  token = value.trim();
}

/** Return whether a token was given. */
export function hasToken() {
  return token !== "";
}

/** Return the answer for one photograph: its result's `analysis` and `masks`. */
export async function analyze(file, name, options) {
  const answer = await post("/v1/analyze", [{ file, name }], "json", options);
  const result = answer?.results?.[0];
  if (!result) throw new Problem("refused", "The server's answer could not be understood.");
  if (result.error) {
    const { code, text, hint } = result.error;
    throw new Problem("file", text, { code, hint });
  }
  return result;
}

/** Return one page about photographs as a Blob. */
export function report(files, options = {}) {
  return post("/v1/report", files, "blob", options);
}

/** Return what the service says about its models. */
export function models() {
  return ask("GET", "/v1/models", null, "json", {});
}

async function post(path, files, type, options) {
  const form = new FormData();
  for (const { file, name } of files) form.append("photographs", file, name);
  try {
    return await ask("POST", path, form, type, options);
  } catch (problem) {
    if (problem.kind !== "gone" || (await areReadable(files))) throw problem;
    throw new Problem("refused", "The file was moved or changed since you chose it.", {
      hint: "remove it and choose it again",
    });
  }
}

/** A file that changed on the disk looks like a broken connection. */
async function areReadable(files) {
  try {
    for (const { file } of files) await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

function ask(method, path, body, type, { signal, onProgress }) {
  return new Promise((resolve, reject) => {
    // Not fetch, since it does not tell how much of the photograph has been sent.
    const request = new XMLHttpRequest();
    let clock;
    const stir = () => {
      clearTimeout(clock);
      clock = setTimeout(() => request.abort(), SILENCE);
    };
    const end = (act, value) => {
      clearTimeout(clock);
      signal?.removeEventListener("abort", cancel);
      act(value);
    };
    const cancel = () => {
      end(reject, new Problem("cancelled", "cancelled"));
      request.abort();
    };
    request.open(method, path);
    request.responseType = "blob";
    request.setRequestHeader("Accept", type === "json" ? "application/json" : "text/html, */*");
    if (token) request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.upload.addEventListener("progress", (event) => {
      stir();
      if (event.lengthComputable) onProgress?.(event.loaded / event.total);
    });
    request.upload.addEventListener("load", () => onProgress?.(1));
    request.addEventListener("load", () => end(resolve, request));
    for (const name of ["error", "abort", "timeout"]) {
      request.addEventListener(name, () => end(reject, new Problem("gone", "The server does not answer.")));
    }
    if (signal?.aborted) return cancel();
    signal?.addEventListener("abort", cancel);
    stir();
    request.send(body);
  }).then((request) => read(request, type));
}

async function read(request, type) {
  const { status, response } = request;
  if (status === 200 && type === "blob") return response;
  const told = await response.text().then(JSON.parse).catch(() => null);
  if (status === 200 && told) return told;
  throw explain(request, told?.error);
}

function explain(request, error) {
  const { status } = request;
  if (status === 401) return new Problem("token", "The server asks for a token.");
  const text = error?.text ?? `The server answered with status ${status}.`;
  const given = { hint: error?.hint ?? null, code: error?.code ?? String(status) };
  if (status === 429 || status === 503) {
    const seconds = Number(request.getResponseHeader("Retry-After")) || 2;
    return new Problem("busy", text, { ...given, seconds });
  }
  if (status === 504) return new Problem("late", text, given);
  if (status === 502) return new Problem("gone", "The server does not answer.");
  return new Problem("refused", text, given);
}
