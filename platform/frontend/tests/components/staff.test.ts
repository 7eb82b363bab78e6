import { flushPromises, mount } from "@vue/test-utils";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { createMemoryHistory } from "vue-router";
import { ApiError } from "../../src/api/client";
import type { Decision, ReviewItem, Session } from "../../src/api/types";
import CurvePlot from "../../src/operator/components/CurvePlot.vue";
import DecisionEvidence from "../../src/operator/components/DecisionEvidence.vue";
import RejectForm from "../../src/desk/RejectForm.vue";
import { useReviewQueue } from "../../src/desk/useReviewQueue";
import { createPlane } from "../../src/editor/tools/kernels";
import { makeRouter, safePath } from "../../src/router";

const api = vi.hoisted(() => ({
  listCorrectionsToReview: vi.fn(),
  readMask: vi.fn(),
  reviewCorrection: vi.fn(),
  withdrawReview: vi.fn(),
  readSession: vi.fn(),
}));
vi.mock("../../src/api/corrections", () => api);
vi.mock("../../src/api/session", () => api);
vi.mock("../../src/editor/load", () => ({ loadImage: async () => new Image() }));

const item = (id: string): ReviewItem =>
  ({
    correction: { id, mask_url: `/${id}/new`, version: 1 },
    photo: { id, width: 4, height: 2, image_url: "" },
    prediction: { mask_url: `/${id}/old` },
    iou: 0.5,
    seconds: 3,
  }) as unknown as ReviewItem;
const page = (...ids: string[]) => ({ count: ids.length, next: null, previous: null, results: ids.map(item) });

beforeEach(() => {
  api.readMask.mockReset().mockImplementation(async () => createPlane(4, 2));
  api.reviewCorrection.mockReset().mockResolvedValue({});
  api.listCorrectionsToReview.mockReset().mockResolvedValueOnce(page("a", "b")).mockResolvedValue(page());
});

describe("review queue", () => {
  it("fetches the next correction's pictures while this one is looked at", async () => {
    const queue = useReviewQueue();
    await queue.load();
    await flushPromises();
    expect(queue.current.value?.correction.id).toBe("a");
    expect(api.readMask.mock.calls.map(([url]) => url)).toEqual(["/a/old", "/a/new", "/b/old", "/b/new"]);
    expect(await queue.decide("approve")).toBe(true);
    expect(api.reviewCorrection).toHaveBeenCalledWith(item("a").correction, "approve", "");
    expect(queue.current.value?.correction.id).toBe("b");
    expect(api.readMask).toHaveBeenCalledTimes(4);
    expect(queue.waiting.value).toBe(1);
  });

  it("takes the last decision back, and shows that correction again", async () => {
    const queue = useReviewQueue();
    await queue.load();
    expect(await queue.undo()).toBe(false);
    await queue.decide("approve");
    await queue.decide("reject", "Edge is not clean");
    expect(queue.last.value?.verdict).toBe("reject");
    expect(await queue.undo()).toBe(true);
    expect(api.withdrawReview).toHaveBeenCalledWith(item("b").correction);
    expect([queue.current.value?.correction.id, queue.waiting.value]).toEqual(["b", 1]);
    expect(queue.pictures.value).not.toBeNull();
    expect(queue.last.value, "one step, no more").toBeNull();
  });

  it("says why a decision stands", async () => {
    api.withdrawReview.mockRejectedValueOnce(new ApiError("already_frozen", "A version was made with it.", 409));
    const queue = useReviewQueue();
    await queue.load();
    await queue.decide("approve");
    expect(await queue.undo()).toBe(false);
    expect(queue.error.value).toBe("A version was made with it.");
    expect([queue.current.value?.correction.id, queue.last.value]).toEqual(["b", null]);
  });

  it("ends empty when all are reviewed", async () => {
    const queue = useReviewQueue();
    await queue.load();
    await queue.decide("approve");
    await queue.decide("reject", "Edge is not clean");
    expect(queue.current.value).toBeNull();
  });

  it("moves on, and says so, when someone else was faster", async () => {
    const queue = useReviewQueue();
    await queue.load();
    api.reviewCorrection.mockRejectedValue(new ApiError("already_reviewed", "Someone was faster.", 409));
    expect(await queue.decide("approve")).toBe(false);
    expect(queue.current.value?.correction.id).toBe("b");
    expect(queue.error.value).toBe("Someone was faster.");
  });

  it("stays where it is when the decision could not be sent", async () => {
    const queue = useReviewQueue();
    await queue.load();
    api.reviewCorrection.mockRejectedValue(new ApiError("unreachable", "No connection.", 0));
    expect(await queue.decide("approve")).toBe(false);
    expect(queue.current.value?.correction.id).toBe("a");
    expect(queue.error.value).toBe("No connection.");
  });
});

describe("rejecting", () => {
  it("puts the focus on the reason and insists on one", async () => {
    const wrapper = mount(RejectForm, { props: { busy: false }, attachTo: document.body });
    await flushPromises();
    expect(document.activeElement).toBe(wrapper.get("input").element);
    await wrapper.get("form").trigger("submit");
    expect(wrapper.emitted("reject")).toBeUndefined();
    expect(wrapper.get("[role=alert]").text()).toMatch(/Say why/);
    await wrapper.get("input").setValue("  too rough ");
    await wrapper.get("form").trigger("submit");
    expect(wrapper.emitted("reject")).toEqual([["too rough"]]);
    wrapper.unmount();
  });

  it("offers common reasons", async () => {
    const wrapper = mount(RejectForm, { props: { busy: false } });
    await wrapper.get("[role=group] button").trigger("click");
    await wrapper.get("form").trigger("submit");
    expect(wrapper.emitted("reject")).toEqual([["Worse than before"]]);
  });
});

describe("evidence", () => {
  const decision: Decision = {
    id: 1,
    kind: "gate",
    passed: true,
    reason: "Better.",
    champion: "aaaaaaaaaa",
    challenger: "bbbbbbbbbb",
    by: "",
    created_at: "",
    evidence: {
      champion: { mean_iou: 0.8, mae: 0.05 },
      challenger: { mean_iou: 0.9, mae: 0.07 },
      heldout: 12,
      gain: 0.1,
      gain_low: -0.01,
    },
  };

  it("marks what is better, and for an error smaller is better", () => {
    const wrapper = mount(DecisionEvidence, { props: { decision } });
    expect(wrapper.findAll(".better").map((cell) => cell.text())).toEqual(["0.900"]);
    expect(wrapper.text()).toContain("12 held-out photos");
    expect(wrapper.text()).toContain("gain +10.00 points, at least −1.00");
  });

  it("plots are described in words", () => {
    const curve: [number, number][] = [
      [1, 0.9],
      [2, 0.5],
    ];
    const wrapper = mount(CurvePlot, { props: { title: "Training loss", curve, colour: "red" } });
    expect(wrapper.get("[role=img]").attributes("aria-label")).toBe(
      "Training loss: 0.900 at epoch 1, 0.500 at epoch 2",
    );
    expect(wrapper.get("polyline").attributes("points")).toBe("0,0 220,70");
  });
});

describe("pages for roles", () => {
  it("lead to the login and back", async () => {
    api.readSession.mockResolvedValue({
      user: null,
      consent: false,
      consent_asked: false,
      photos: 0,
      photos_consented: 0,
      retention_hours: 168,
    } satisfies Session);
    const router = makeRouter(createMemoryHistory());
    await router.push("/review?x=1");
    expect(router.currentRoute.value.fullPath).toBe("/login?next=/review?x=1");
  });

  it("put the focus on the heading of the page they lead to, which is read out", async () => {
    const router = makeRouter(createMemoryHistory());
    await router.push("/login");
    const wrapper = mount({ template: "<RouterView />" }, { global: { plugins: [router] }, attachTo: document.body });
    await flushPromises();
    await router.push("/nowhere");
    await flushPromises();
    expect(document.activeElement?.textContent).toBe("There is nothing here");
    wrapper.unmount();
  });

  it("never lead to another site", () => {
    expect(safePath("/review")).toBe("/review");
    for (const bad of ["//evil.example", "/\\evil.example", "https://evil.example", undefined, ["/x"]]) {
      expect(safePath(bad)).toBe("/");
    }
  });
});
