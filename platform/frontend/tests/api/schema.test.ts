// @vitest-environment node
import { readFileSync } from "node:fs";
import openapiTS, { astToString } from "openapi-typescript";
import { expect, it } from "vitest";

const ROOT = new URL("../../", import.meta.url);

it("the types are those of docs/openapi.yaml; `npm run api` makes them so", async () => {
  const document = new URL("../../docs/openapi.yaml", ROOT);
  const fresh = astToString(await openapiTS(document));
  expect(readFileSync(new URL("src/api/schema.gen.ts", ROOT), "utf8")).toContain(fresh);
});
