import { expect, it } from "vitest";
import { createMemoryHistory } from "vue-router";
import ROUTES from "../../stickersnap/routes.json";
import { makeRouter } from "../src/router";

it("has the routes of the list that the service answers, and no others", () => {
  const paths = makeRouter(createMemoryHistory())
    .getRoutes()
    .map(({ path }) => path)
    .filter((path) => path !== "/:rest(.*)*");
  expect(paths.sort()).toEqual(Object.values(ROUTES).sort());
});
