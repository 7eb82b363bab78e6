import { nextTick } from "vue";
import { createRouter, createWebHistory, type RouteLocationNormalized } from "vue-router";
import { whenRefused } from "./api/client";
import type { Role } from "./api/types";
import { useSession } from "./common/composables/useSession";
import ROUTES from "../../stickersnap/routes.json"; // which Django answers with this page, too
import MakerPage from "./maker/MakerPage.vue";

declare module "vue-router" {
  interface RouteMeta {
    title: string;
    /** Only people with at least this role may open the page. */
    role?: Role;
    /** The page fills the screen, without header and footer. */
    bare?: boolean;
  }
}

const loginFor = (to: RouteLocationNormalized) => ({ name: "login", query: { next: to.fullPath } });

/** Only a path of this site: a login must not lead elsewhere. */
export function safePath(path: unknown): string {
  return typeof path === "string" && /^\/(?![/\\])/.test(path) ? path : "/";
}

/** Puts the focus on the new page's heading, which is read out: the link that led here is gone. */
function arrive(): void {
  const main = document.querySelector("main");
  if (!main || main.contains(document.activeElement)) return;
  const heading = main.querySelector<HTMLElement>("h1") ?? main;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}

export function makeRouter(places = createWebHistory("/")) {
  const router = createRouter({
    history: places,
    // Where a card is come back to, the maker itself goes there.
    scrollBehavior: (_to, _from, saved) => (window.history.state?.card ? false : (saved ?? { top: 0 })),
    routes: [
      { path: ROUTES.maker, name: "maker", component: MakerPage, meta: { title: "Stickers" } },
      {
        path: ROUTES.fix,
        name: "fix",
        component: () => import("./fix/FixPage.vue"),
        meta: { title: "Fix", bare: true },
      },
      {
        path: ROUTES.packs,
        component: () => import("./packs/PacksPage.vue"),
        meta: { title: "Packs" },
      },
      {
        path: ROUTES.pack,
        name: "pack",
        component: () => import("./packs/PackPage.vue"),
        props: true,
        meta: { title: "Pack" },
      },
      {
        path: ROUTES.review,
        component: () => import("./desk/ReviewPage.vue"),
        meta: { title: "Review", role: "reviewer" },
      },
      {
        path: ROUTES.queue,
        component: () => import("./desk/QueuePage.vue"),
        meta: { title: "Queue", role: "reviewer" },
      },
      {
        path: ROUTES.releases,
        component: () => import("./operator/pages/ReleasesPage.vue"),
        meta: { title: "Releases", role: "operator" },
      },
      {
        path: ROUTES.run,
        name: "run",
        component: () => import("./operator/pages/RunPage.vue"),
        props: true,
        meta: { title: "Run", role: "operator" },
      },
      {
        path: ROUTES.decision,
        name: "decision",
        component: () => import("./operator/pages/DecisionPage.vue"),
        props: true,
        meta: { title: "Decision", role: "operator" },
      },
      {
        path: ROUTES.deployments,
        component: () => import("./operator/pages/DeploymentsPage.vue"),
        meta: { title: "Deployments", role: "operator" },
      },
      {
        path: ROUTES.datasets,
        component: () => import("./operator/pages/DatasetsPage.vue"),
        meta: { title: "Datasets", role: "operator" },
      },
      {
        path: ROUTES.dataset,
        name: "dataset",
        component: () => import("./operator/pages/DatasetPage.vue"),
        props: true,
        meta: { title: "Dataset", role: "operator" },
      },
      {
        path: ROUTES.lineage,
        name: "lineage",
        component: () => import("./operator/pages/LineagePage.vue"),
        props: true,
        meta: { title: "Lineage", role: "operator" },
      },
      {
        path: ROUTES.trials,
        component: () => import("./operator/pages/TrialsPage.vue"),
        meta: { title: "Trials", role: "operator" },
      },
      {
        path: ROUTES.trust,
        component: () => import("./operator/pages/TrustPage.vue"),
        meta: { title: "Trust", role: "operator" },
      },
      {
        path: ROUTES.login,
        name: "login",
        component: () => import("./common/LoginPage.vue"),
        meta: { title: "Log in" },
      },
      {
        path: "/:rest(.*)*",
        component: () => import("./common/NotFoundPage.vue"),
        meta: { title: "Not found" },
      },
    ],
  });

  router.beforeEach(async (to) => {
    if (!to.meta.role) return true;
    const { ready, allows } = useSession();
    await ready().catch(() => {}); // without an answer nobody is known to be logged in
    return allows(to.meta.role) || loginFor(to);
  });
  router.afterEach((to, from, failure) => {
    if (failure) return;
    document.title = `${to.meta.title} · StickerSnap`;
    if (from.matched.length && to.path !== from.path) void nextTick(arrive);
  });
  whenRefused(() => {
    const here = router.currentRoute.value;
    if (here.meta.role)
      void useSession()
        .reload()
        .finally(() => router.push(loginFor(here)));
  });
  return router;
}
