import { flushPromises, mount } from "@vue/test-utils";
import { describe, expect, it, vi } from "vitest";
import { createMemoryHistory } from "vue-router";
import { ApiError } from "../../src/api/client";
import type { Deployment, Policy } from "../../src/api/types";
import PolicyForm from "../../src/components/releases/PolicyForm.vue";
import ReleasesPage from "../../src/pages/ReleasesPage.vue";
import { makeRouter } from "../../src/router";

const api = vi.hoisted(() => ({
  readCurrentWeights: vi.fn().mockResolvedValue(null),
  listRuns: vi.fn().mockResolvedValue({ results: [] }),
  listDeployments: vi.fn(),
  readPolicy: vi.fn().mockResolvedValue(null),
  readOverview: vi.fn().mockResolvedValue(null),
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
