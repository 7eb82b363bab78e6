import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { effectScope, type EffectScope } from "vue";
import { ApiError } from "../../src/api/client";
import { usePhotos } from "../../src/maker/usePhotos";
import { useReleases } from "../../src/operator/composables/useReleases";
import { useService } from "../../src/common/composables/useService";

const api = vi.hoisted(() => ({
  readReadiness: vi.fn(),
  readCurrentWeights: vi.fn(),
  listRuns: vi.fn(),
  listDeployments: vi.fn(),
  readPolicy: vi.fn(),
  readOverview: vi.fn(),
  listPhotos: vi.fn(),
  deletePhoto: vi.fn(),
  sendPhoto: vi.fn(),
  readSession: vi.fn(),
  listStickers: vi.fn(async () => []),
  listPacks: vi.fn(),
  deletePack: vi.fn(),
}));
vi.mock("../../src/api/releases", () => api);
vi.mock("../../src/api/photos", () => api);
vi.mock("../../src/api/stickers", () => api);
vi.mock("../../src/api/session", () => api);
vi.mock("../../src/api/packs", () => api);

let scope: EffectScope;
beforeEach(() => {
  vi.useFakeTimers();
  scope = effectScope();
  for (const call of Object.values(api)) call.mockReset();
  api.readCurrentWeights.mockResolvedValue({ sha256: "abc", metrics: { mean_iou: 0.9 } });
});
afterEach(() => {
  scope.stop();
  vi.useRealTimers();
});

describe("service status", () => {
  it("asks every ten seconds, and for the weights only when they changed", async () => {
    api.readReadiness.mockResolvedValue({ status: "ok", weights: "abc", device: "cpu" });
    const { state, answering } = scope.run(() => useService())!;
    await vi.advanceTimersByTimeAsync(20_000);
    expect(api.readReadiness).toHaveBeenCalledTimes(3);
    expect(api.readCurrentWeights).toHaveBeenCalledTimes(1);
    expect(state.value).toBe("ready");
    expect(answering.value?.metrics).toEqual({ mean_iou: 0.9 });
  });

  it("tells the student that answers on a CPU from the champion that answers elsewhere", async () => {
    const student = { sha256: "small", metrics: { mean_iou: 0.8 } };
    api.readCurrentWeights.mockResolvedValue({ sha256: "large", metrics: {}, student });
    api.readReadiness.mockResolvedValue({ status: "ok", weights: "small", device: "cpu" });
    const { answering } = scope.run(() => useService())!;
    await vi.advanceTimersByTimeAsync(20_000);
    expect(answering.value).toEqual(student);
    expect(api.readCurrentWeights).toHaveBeenCalledTimes(1);
  });

  it("tells busy from away, and recovers by itself", async () => {
    api.readReadiness.mockRejectedValueOnce(new ApiError("busy", "", 503));
    const { state } = scope.run(() => useService())!;
    await vi.advanceTimersByTimeAsync(0);
    expect(state.value).toBe("busy");
    api.readReadiness.mockRejectedValueOnce(new ApiError("unreachable", "", 0));
    await vi.advanceTimersByTimeAsync(10_000);
    expect(state.value).toBe("away");
    api.readReadiness.mockResolvedValue({ status: "ok", weights: "abc", device: "cpu" });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(state.value).toBe("ready");
  });

  it("stops when nobody looks any more", async () => {
    api.readReadiness.mockResolvedValue({ status: "ok", weights: "abc", device: "cpu" });
    scope.run(() => useService());
    await vi.advanceTimersByTimeAsync(0);
    scope.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(api.readReadiness).toHaveBeenCalledTimes(1);
  });
});

it("releases are read again often while a run is active, and seldom after it", async () => {
  api.listDeployments.mockResolvedValue({ results: [] });
  api.listRuns.mockResolvedValueOnce({ results: [{ state: "training" }] });
  api.listRuns.mockResolvedValueOnce({ results: [{ state: "deciding" }] });
  api.listRuns.mockResolvedValue({ results: [{ state: "promoted" }] });
  api.readOverview.mockResolvedValue({ schedule: {}, rollout: null });
  const { active } = scope.run(() => useReleases(3000, 20_000))!;
  await vi.advanceTimersByTimeAsync(0);
  expect(active.value).toBe(true);
  await vi.advanceTimersByTimeAsync(3000);
  expect(active.value).toBe(true);
  expect(api.readOverview).toHaveBeenCalledTimes(1); // it counts all corrections: seldom
  await vi.advanceTimersByTimeAsync(3000);
  expect(active.value).toBe(false);
  expect(api.readOverview).toHaveBeenCalledTimes(2); // something may be on trial now
  await vi.advanceTimersByTimeAsync(19_000);
  expect(api.listRuns).toHaveBeenCalledTimes(3);
});

it("nothing is asked or sent before the session has begun: it would begin another one", async () => {
  let begin = (_: object) => {};
  api.readSession.mockReturnValue(new Promise((resolve) => (begin = resolve)));
  api.listPhotos.mockResolvedValue({ next: null, results: [] });
  api.sendPhoto.mockResolvedValue({ id: "p", name: "cat.jpg" });
  const { load, queue } = usePhotos();
  const listed = load();
  queue.add([new File(["x"], "cat.jpg")]);
  await vi.advanceTimersByTimeAsync(1000);
  expect(api.listPhotos).not.toHaveBeenCalled();
  expect(api.sendPhoto).not.toHaveBeenCalled();
  begin({ user: null, consent: false, consent_asked: false, photos: 3, photos_consented: 0, retention_hours: 168 });
  await listed;
  await vi.advanceTimersByTimeAsync(0);
  expect(api.listPhotos).toHaveBeenCalledOnce();
  expect(api.sendPhoto).toHaveBeenCalledOnce();
});

it("starting over deletes every pack and every photo on the server, those on later pages too", async () => {
  api.listPacks.mockResolvedValue([{ id: "cats" }, { id: "dogs" }]);
  const pages = [["a", "b"], ["c"], []];
  api.listPhotos.mockImplementation(async () => ({ next: null, results: pages.shift()!.map((id) => ({ id })) }));
  api.deletePhoto.mockImplementation(async (id: string) => {
    if (id === "b") throw new ApiError("not_found", "", 404); // deleted in another tab
    return { deleted: id, weights_that_saw_it: [] };
  });
  const { load, startOver, cards } = usePhotos();
  await load();
  await startOver();
  expect(api.deletePhoto.mock.calls.map(([id]) => id)).toEqual(["a", "b", "c"]);
  expect(api.deletePack.mock.calls.map(([id]) => id)).toEqual(["cats", "dogs"]);
  expect(cards.value).toEqual([]);
});
