import { flushPromises, mount } from "@vue/test-utils";
import { describe, expect, it, vi } from "vitest";
import { createMemoryHistory } from "vue-router";
import { ApiError } from "../../src/api/client";
import type { Deployment, FullEvidence, Policy } from "../../src/api/types";
import PolicyForm from "../../src/operator/components/PolicyForm.vue";
import SinglePhotos from "../../src/operator/components/SinglePhotos.vue";
import ReleasesPage from "../../src/operator/pages/ReleasesPage.vue";
import { makeRouter } from "../../src/router";

const api = vi.hoisted(() => ({
  readCurrentWeights: vi.fn().mockResolvedValue(null),
  readReadiness: vi.fn().mockResolvedValue({ status: "ok", weights: "", network: "", device: "cpu" }),
  listRuns: vi.fn().mockResolvedValue({ results: [] }),
  listDeployments: vi.fn(),
  readPolicy: vi.fn().mockResolvedValue(null),
  readOverview: vi.fn().mockResolvedValue(null),
  retrain: vi.fn(),
  forecast: vi.fn(),
  changePolicy: vi.fn(),
}));
vi.mock("../../src/api/releases", () => api);

const deployment = (id: number, kind: "gate" | "starter" | "operator", by: string): Deployment =>
  ({
    id,
    weights: `${id}`.repeat(64),
    network: "u2net",
    created_at: "2026-11-23T08:00:00Z",
    current: id === 3,
    rollback_of: null,
    by,
    decision: { id, kind, by, reason: "Sharper edges.", evidence: {} },
  }) as unknown as Deployment;

describe("releases", () => {
  it("says by whom each deployment was decided", async () => {
    const all = [deployment(3, "operator", "olga"), deployment(2, "gate", "schedule"), deployment(1, "starter", "")];
    api.listDeployments.mockResolvedValue({ results: all });
    const wrapper = mount(ReleasesPage, { global: { plugins: [makeRouter(createMemoryHistory())] } });
    await flushPromises();
    const lines = wrapper.findAll(".deployments li").map((line) => line.text());
    expect(lines[0]).toContain("operator's choice");
    expect(lines[0]).toContain("olga");
    expect(lines[1]).toContain("gate");
    expect(lines[2]).toContain("shipped");
    wrapper.unmount();
  });

  it("says it where something older answers than was deployed last", async () => {
    const problem = "Deployment 3 can't be served here: its file is gone.";
    api.readReadiness.mockResolvedValueOnce({ status: "ok", weights: "", network: "", device: "cpu", problem });
    const wrapper = mount(ReleasesPage, { global: { plugins: [makeRouter(createMemoryHistory())] } });
    await flushPromises();
    expect(wrapper.get("[role=alert]").text()).toBe(problem);
    wrapper.unmount();
  });
});

describe("a run that failed", () => {
  it("is started again with what it was asked for, at one press", async () => {
    const curves = { train_loss: [], val_iou: [] };
    const failed = {
      id: "f",
      state: "failed",
      kind: "champion",
      minutes: 5,
      epochs: null,
      curves,
      message: "No space.",
    };
    api.listRuns.mockResolvedValueOnce({ results: [failed, { ...failed, id: "older" }] });
    api.listDeployments.mockResolvedValue({ results: [deployment(3, "operator", "olga")] });
    api.retrain.mockResolvedValue({ ...failed, id: "next", state: "queued" });
    const wrapper = mount(ReleasesPage, { global: { plugins: [makeRouter(createMemoryHistory())] } });
    await flushPromises();
    const again = wrapper.findAll("button").filter((button) => button.text() === "Start again");
    expect(again).toHaveLength(1);
    await again[0].trigger("click");
    expect(api.retrain).toHaveBeenCalledWith({ minutes: 5 });
    wrapper.unmount();
  });
});

describe("single photos", () => {
  const say = (evidence: FullEvidence) =>
    mount(SinglePhotos, { props: { evidence } })
      .findAll("ul > li")
      .map((line) => line.text().replace(/\s+/g, " "));

  it("each test is said with its limit, and what was only accepted refuses nothing alone", () => {
    const worst = { image_sha256: "a", gain: -0.7 };
    const leaps = { limit: 0.15, losses: 1, gains: 3, worse: false };
    expect(
      say({ forgotten: [], worst, leaps, accepted: ["b", "c"], retired: 1, rules: { picture_margin: 0.6 } }),
    ).toEqual([
      "✓ What was once cut rightly still is.",
      "✗ The worst change of one photo is −70.00 points; −60 is the limit.",
      "✓ 1 loss above 15 points, 3 such gains (near-duplicates count once).",
      "2 photos' masks were approved as a network had shown them: they count in the means and the kinds of pictures, " +
        "but none of them refuses a challenger alone.",
      "1 photo has judged too often to prove a gain: it can only refuse.",
    ]);
  });

  it("decisions of earlier gates say what they know", () => {
    expect(say({ forgotten: [] })).toEqual(["✓ What was once cut rightly still is."]);
  });
});

describe("the policy's form", () => {
  const policy = {
    enabled: false,
    corrections_minimum: 20,
    interval_hours: 24,
    hour: null,
    minutes: 20,
    network: "",
    shadow_share: 0,
    shadow_hours: 24,
    canary_share: 0,
    canary_hours: 24,
    heldout_minimum: 20,
    manual_approval: false,
  } as Policy;

  it("says what is wrong beside the field, and what a run would find", async () => {
    api.forecast.mockResolvedValue([{ subject: "dataset", health: "ill", sentence: "Nothing to learn from." }]);
    const refused = "minutes: Ensure this value is less than or equal to 1440.";
    api.changePolicy.mockRejectedValue(new ApiError("invalid", refused, 400));
    const wrapper = mount(PolicyForm, { props: { policy } });
    await flushPromises();
    expect(wrapper.get(".meaning").text()).toContain("Nothing to learn from.");
    const minutes = wrapper.findAll("input[type=number]")[2]!;
    await minutes.setValue("3000");
    expect(wrapper.get(".meaning .changed").text()).toContain("3,000 minutes of training");
    await wrapper.get("form").trigger("submit");
    await flushPromises();
    expect(minutes.attributes("aria-invalid")).toBe("true");
    expect(wrapper.get(`#${minutes.attributes("aria-describedby")}`).text()).toContain("less than or equal to 1440");
    expect(wrapper.emitted("saved")).toBeUndefined();
    wrapper.unmount();
  });
});
