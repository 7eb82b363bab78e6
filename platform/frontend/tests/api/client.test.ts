import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  ApiError,
  cookie,
  errorOf,
  filenameOf,
  get,
  getFile,
  post,
  sayError,
  secondsOf,
  upload,
  whenRefused,
} from "../../src/api/client";
import { submitCorrection } from "../../src/api/corrections";

const json = (body: unknown, init: ResponseInit = {}) => new Response(JSON.stringify(body), init);
const sent = vi.fn<typeof fetch>();

beforeEach(() => {
  sent.mockReset();
  vi.stubGlobal("fetch", sent);
  document.cookie = "csrftoken=t0ken";
});
afterEach(() => {
  vi.unstubAllGlobals();
  whenRefused(() => {});
});

describe("calls", () => {
  it("answer what the server says", async () => {
    sent.mockResolvedValue(json({ status: "ok" }));
    expect(await get("/healthz")).toEqual({ status: "ok" });
  });

  it("bring a file under the name that the server gives it", async () => {
    const headers = { "Content-Disposition": `attachment; filename*=utf-8''Katzen%20%26%20H%C3%BCte.wastickers` };
    sent.mockResolvedValue(new Response("zip", { headers }));
    const file = await getFile("/export");
    expect([file.name, await file.text()]).toEqual(["Katzen & Hüte.wastickers", "zip"]);
    expect(filenameOf('attachment; filename="Cats.zip"')).toBe("Cats.zip");
    expect(filenameOf(null)).toBe("");
  });

  it("that change something carry the CSRF token, and JSON", async () => {
    sent.mockResolvedValue(json({}));
    await post("/api/v1/session/login/", { username: "ann" });
    const [url, init] = sent.mock.calls[0];
    expect(url).toBe("/api/v1/session/login/");
    expect(init!.headers).toMatchObject({ "X-CSRFToken": "t0ken", "Content-Type": "application/json" });
    expect(init!.body).toBe('{"username":"ann"}');
  });

  it("that only read carry no token", async () => {
    sent.mockResolvedValue(json({}));
    await get("/healthz");
    expect(sent.mock.calls[0][1]!.headers).not.toHaveProperty("X-CSRFToken");
  });

  it("that are a browser's first wait until it is known who that is, asked once", async () => {
    document.cookie = "csrftoken=; max-age=0";
    sent.mockImplementation(async (url) => {
      if (url === "/api/v1/session/") {
        await Promise.resolve();
        document.cookie = "csrftoken=fresh";
      }
      return json({});
    });
    await Promise.all([post("/a"), post("/b")]);
    expect(sent.mock.calls.map(([url]) => url)).toEqual(["/api/v1/session/", "/a", "/b"]);
    for (const [, init] of sent.mock.calls.slice(1)) expect(init!.headers).toMatchObject({ "X-CSRFToken": "fresh" });
  });

  it("are tried though nobody says who the browser is", async () => {
    document.cookie = "csrftoken=; max-age=0";
    sent.mockRejectedValueOnce(new TypeError()).mockResolvedValue(json({}));
    await post("/a");
    expect(sent.mock.calls.map(([url]) => url)).toEqual(["/api/v1/session/", "/a"]);
  });

  it("edit a correction with the version they know", async () => {
    sent.mockImplementation(async () => json({}));
    const work = { id: "c", photo: "p", prediction: "q", mask: new Blob(), strokes: [], seconds: 4 };
    await submitCorrection({ ...work, version: 3 });
    expect(sent.mock.calls[0][1]!.headers).toMatchObject({ "If-Match": '"3"' });
    await submitCorrection({ ...work, version: null });
    expect(sent.mock.calls[1][1]!.headers).not.toHaveProperty("If-Match");
    const form = sent.mock.calls[0][1]!.body as FormData;
    expect(form.get("photo")).toBe("p");
    expect(form.get("strokes")).toBe("[]");
  });
});

describe("errors", () => {
  it("keep code, sentence, status and the time to wait", async () => {
    sent.mockResolvedValue(json({ code: "busy", detail: "Wait." }, { status: 503, headers: { "Retry-After": "7" } }));
    const error = await get("/x").catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ code: "busy", detail: "Wait.", status: 503, retryAfter: 7, passing: true });
  });

  it("have a sentence even when the server sent a page instead of JSON", () => {
    const error = errorOf(502, "<html>Bad Gateway</html>", null);
    expect(error.code).toBe("http_502");
    expect(error.detail).toMatch(/try again/);
    expect(error.passing).toBe(false);
  });

  it("say so when the server can't be reached", async () => {
    sent.mockRejectedValue(new TypeError("Failed to fetch"));
    await expect(get("/x")).rejects.toMatchObject({ code: "unreachable", status: 0 });
  });

  it("let an abort through as it is", async () => {
    sent.mockRejectedValue(new DOMException("stop", "AbortError"));
    await expect(get("/x")).rejects.toMatchObject({ name: "AbortError" });
  });

  it("of rights are told to the one who leads to the login", async () => {
    const told = vi.fn();
    whenRefused(told);
    sent.mockImplementation(async () => json({ code: "not_authenticated", detail: "Log in." }, { status: 401 }));
    await expect(get("/x")).rejects.toThrow("Log in.");
    expect(told).toHaveBeenCalledOnce();
  });

  it("are said in a sentence, whatever they are", () => {
    expect(sayError(new ApiError("x", "Do this.", 400))).toBe("Do this.");
    expect(sayError("strange")).toMatch(/try again/);
  });
});

describe("Retry-After", () => {
  it("is seconds or a date", () => {
    expect(secondsOf("12")).toBe(12);
    expect(secondsOf("Wed, 21 Oct 2026 07:28:10 GMT", Date.parse("2026-10-21T07:28:00Z"))).toBe(10);
    expect(secondsOf("Wed, 21 Oct 2026 07:28:00 GMT", Date.parse("2026-10-21T08:00:00Z"))).toBe(0);
    expect(secondsOf("soon")).toBeNull();
    expect(secondsOf(null)).toBeNull();
  });
});

it("cookies are found by their whole name", () => {
  expect(cookie("token", "csrftoken=a; token=b%20c")).toBe("b c");
  expect(cookie("absent", "csrftoken=a")).toBeNull();
});

describe("upload", () => {
  class FakeXhr {
    static last: FakeXhr;
    upload: { onprogress?: (event: object) => void; onload?: () => void } = {};
    headers: Record<string, string> = {};
    status = 0;
    responseText = "";
    onload = () => {};
    onerror = () => {};
    onabort = () => {};
    open = vi.fn();
    send = vi.fn();
    abort = () => this.onabort();
    constructor() {
      FakeXhr.last = this;
    }
    setRequestHeader(name: string, value: string) {
      this.headers[name] = value;
    }
    getResponseHeader() {
      return "4";
    }
    answer(status: number, body: unknown) {
      this.status = status;
      this.responseText = JSON.stringify(body);
      this.onload();
    }
  }
  beforeEach(() => vi.stubGlobal("XMLHttpRequest", FakeXhr));

  it("reports its way up and answers the photo", async () => {
    const progress: number[] = [];
    const answer = upload("/api/v1/photos/", new FormData(), (share) => progress.push(share));
    const xhr = FakeXhr.last;
    xhr.upload.onprogress!({ lengthComputable: true, loaded: 1, total: 4 });
    xhr.upload.onload!();
    xhr.answer(201, { id: "p" });
    expect(await answer).toEqual({ id: "p" });
    expect(progress).toEqual([0.25, 1]);
    expect(xhr.headers["X-CSRFToken"]).toBe("t0ken");
  });

  it("fails with the server's error", async () => {
    const answer = upload("/x", new FormData(), () => {});
    FakeXhr.last.answer(429, { code: "throttled", detail: "Slow down." });
    await expect(answer).rejects.toMatchObject({ code: "throttled", retryAfter: 4 });
  });

  it("stops when told to", async () => {
    const stop = new AbortController();
    const answer = upload("/x", new FormData(), () => {}, stop.signal);
    stop.abort();
    await expect(answer).rejects.toMatchObject({ name: "AbortError" });
  });
});
