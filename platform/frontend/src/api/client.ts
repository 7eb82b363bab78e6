/** Every call to the server goes through here: one error shape in, one error class out. */

export class ApiError extends Error {
  override name = "ApiError";

  /**
   * `status` is 0 when the server could not be reached; `retryAfter` is in seconds, null when the server named none.
   */
  constructor(
    readonly code: string,
    readonly detail: string,
    readonly status: number,
    readonly retryAfter: number | null = null,
  ) {
    super(detail);
  }

  /** Busy for now: worth trying again by itself. */
  get passing(): boolean {
    return this.status === 429 || this.status === 503;
  }
}

export interface RequestOptions {
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

let answered: (answered: boolean) => void = () => {};

/** Called after every call: whether there was an answer, whatever it said. */
export function whenAnswered(handler: typeof answered): void {
  answered = handler;
}

type Refused = (error: ApiError) => void;
let onRefused: Refused = () => {};

/** Called on every 401 and 403, so that pages which need a role can lead to the login. */
export function whenRefused(handler: Refused): void {
  onRefused = handler;
}

export function get<Answer>(url: string, options?: RequestOptions): Promise<Answer> {
  return request<Answer>("GET", url, undefined, options);
}

export function post<Answer>(url: string, body?: unknown, options?: RequestOptions): Promise<Answer> {
  return request<Answer>("POST", url, body, options);
}

export function put<Answer>(url: string, body: unknown, options?: RequestOptions): Promise<Answer> {
  return request<Answer>("PUT", url, body, options);
}

export function patch<Answer>(url: string, body: unknown): Promise<Answer> {
  return request<Answer>("PATCH", url, body);
}

export function remove<Answer>(url: string): Promise<Answer> {
  return request<Answer>("DELETE", url);
}

export async function getBytes(url: string, options?: RequestOptions): Promise<ArrayBuffer> {
  return (await send("GET", url, undefined, options)).arrayBuffer();
}

/** A file under the name that the server gives it. */
export async function getFile(url: string, options?: RequestOptions): Promise<File> {
  const response = await send("GET", url, undefined, options);
  const name = filenameOf(response.headers.get("Content-Disposition")) || "file";
  const type = response.headers.get("Content-Type") ?? "";
  return new File([await response.blob()], name, { type });
}

/** The name in a `Content-Disposition` (RFC 6266); empty where there is none. */
export function filenameOf(header: string | null): string {
  const encoded = /filename\*=utf-8''([^;]+)/i.exec(header ?? "")?.[1];
  return encoded ? decodeURIComponent(encoded) : (/filename="([^"]*)"/.exec(header ?? "")?.[1] ?? "");
}

/** What a POST answers, where that is a file. */
export async function postForFile(url: string, form: FormData, options?: RequestOptions): Promise<Blob> {
  return (await send("POST", url, form, options)).blob();
}

/** An address of this very host: pagination names the host the server believes it has. */
export function pathOf(url: string): string {
  const { pathname, search } = new URL(url, location.origin);
  return pathname + search;
}

async function request<Answer>(method: string, url: string, body?: unknown, options?: RequestOptions): Promise<Answer> {
  const response = await send(method, url, body, options);
  return (response.status === 204 ? null : await response.json()) as Answer;
}

async function send(method: string, url: string, body?: unknown, options: RequestOptions = {}): Promise<Response> {
  const headers: Record<string, string> = { Accept: "application/json, */*;q=0.8", ...options.headers };
  if (method !== "GET") {
    if (!cookie("csrftoken")) await greeted();
    Object.assign(headers, csrfHeader());
  }
  const isForm = body instanceof FormData;
  if (body !== undefined && !isForm) headers["Content-Type"] = "application/json";
  let response: Response;
  try {
    response = await fetch(url, {
      method,
      headers,
      credentials: "same-origin",
      signal: options.signal ?? null,
      body: body === undefined ? null : isForm ? body : JSON.stringify(body),
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw unreachable();
  }
  answered(true);
  if (!response.ok) throw refuse(errorOf(response.status, await response.text(), response.headers.get("Retry-After")));
  return response;
}

/** A POST whose way up is reported: `onProgress` gets 0..1. `fetch` cannot tell. */
export function upload<Answer>(
  url: string,
  form: FormData,
  onProgress: (share: number) => void,
  signal?: AbortSignal,
): Promise<Answer> {
  if (!cookie("csrftoken")) return greeted().then(() => uploaded(url, form, onProgress, signal));
  return uploaded(url, form, onProgress, signal);
}

function uploaded<Answer>(
  url: string,
  form: FormData,
  onProgress: (share: number) => void,
  signal?: AbortSignal,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(stopped());
    const xhr = new XMLHttpRequest();
    xhr.open("POST", url);
    xhr.setRequestHeader("Accept", "application/json");
    for (const [name, value] of Object.entries(csrfHeader())) xhr.setRequestHeader(name, value);
    xhr.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
    xhr.upload.onload = () => onProgress(1);
    xhr.onerror = () => reject(unreachable());
    xhr.onabort = () => reject(stopped());
    xhr.onload = () => {
      answered(true);
      const ok = xhr.status >= 200 && xhr.status < 300;
      const answer = ok ? parse(xhr.responseText) : null;
      if (answer) resolve(answer as Answer);
      else reject(refuse(errorOf(xhr.status, xhr.responseText, xhr.getResponseHeader("Retry-After"))));
    };
    signal?.addEventListener("abort", () => xhr.abort());
    xhr.send(form);
  });
}

export function errorOf(status: number, body: string, retryAfter: string | null): ApiError {
  const answer = parse(body) as { code?: unknown; detail?: unknown } | null;
  const code = typeof answer?.code === "string" ? answer.code : `http_${status}`;
  const detail = typeof answer?.detail === "string" ? answer.detail : sentence(status);
  return new ApiError(code, detail, status, secondsOf(retryAfter));
}

/** `Retry-After` is a number of seconds or a date (RFC 9110, 10.2.3). */
export function secondsOf(retryAfter: string | null, now = Date.now()): number | null {
  if (!retryAfter) return null;
  const seconds = /^\d+$/.test(retryAfter.trim()) ? Number(retryAfter) : (Date.parse(retryAfter) - now) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, Math.ceil(seconds)) : null;
}

export function cookie(name: string, jar = document.cookie): string | null {
  const found = jar.split("; ").find((entry) => entry.startsWith(`${name}=`));
  return found ? decodeURIComponent(found.slice(name.length + 1)) : null;
}

/** A sentence for people, whatever went wrong. */
export function sayError(error: unknown): string {
  return error instanceof Error && error.message ? error.message : "Something went wrong. Please try again.";
}

function csrfHeader(): Record<string, string> {
  const token = cookie("csrftoken");
  return token ? { "X-CSRFToken": token } : {};
}

let greeting: Promise<void> | null = null;

/**
 * Asks who this browser is, once for however many calls wait: first writes at once of one without cookies would
 * otherwise be several people's.
 */
function greeted(): Promise<void> {
  greeting ??= fetch("/api/v1/session/", { credentials: "same-origin", headers: { Accept: "application/json" } })
    .then(
      () => {},
      () => {}, // the call that waits will say that the server can't be reached
    )
    .finally(() => (greeting = null));
  return greeting;
}

function stopped(): DOMException {
  return new DOMException("The upload was stopped.", "AbortError");
}

function unreachable(): ApiError {
  answered(false);
  return new ApiError("unreachable", "StickerSnap can't be reached. Check the connection, then try again.", 0);
}

function refuse(error: ApiError): ApiError {
  if (error.status === 401 || error.status === 403) onRefused(error);
  return error;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function sentence(status: number): string {
  if (status === 413) return "This file is too large. Choose one of at most 20 MB.";
  if (status === 429) return "That was a lot at once. It goes on in a moment.";
  if (status === 503) return "StickerSnap is busy or starting. It goes on in a moment.";
  if (status >= 500) return "Something broke on the server. Please try again in a moment.";
  return `The server did not accept this (${status}). Reload the page and try again.`;
}
