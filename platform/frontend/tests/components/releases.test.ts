import { flushPromises, mount } from "@vue/test-utils";
import { describe, expect, it, vi } from "vitest";
import type { Deployment } from "../../src/api/types";
import ReleasesPage from "../../src/pages/ReleasesPage.vue";

const api = vi.hoisted(() => ({
  readCurrentWeights: vi.fn().mockResolvedValue(null),
  listRuns: vi.fn().mockResolvedValue({ results: [] }),
  listDeployments: vi.fn(),
  readPolicy: vi.fn().mockResolvedValue(null),
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
    decision: { kind, by, reason: "Sharper edges." },
  }) as unknown as Deployment;

describe("releases", () => {
  it("says by whom each deployment was decided", async () => {
    const all = [deployment(3, "operator", "olga"), deployment(2, "gate", "schedule"), deployment(1, "starter", "")];
    api.listDeployments.mockResolvedValue({ results: all });
    const wrapper = mount(ReleasesPage, { global: { stubs: { RouterLink: { template: "<a><slot /></a>" } } } });
    await flushPromises();
    const lines = wrapper.findAll(".deployments li").map((line) => line.text());
    expect(lines[0]).toContain("operator's choice");
    expect(lines[0]).toContain("olga");
    expect(lines[1]).toContain("gate");
    expect(lines[2]).toContain("shipped");
    wrapper.unmount();
  });
});
