import { ApiError } from "../../api/client";

/** Calls again while the server is busy for the moment, as long as `signal` lets it. */
export async function patiently<Answer>(call: () => Promise<Answer>, signal: AbortSignal): Promise<Answer> {
  for (;;) {
    try {
      return await call();
    } catch (caught) {
      if (!(caught instanceof ApiError) || !caught.passing) throw caught;
      await pause(1000 * (caught.retryAfter ?? 3), signal);
    }
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason)), { once: true });
  });
}
