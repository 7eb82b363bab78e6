// Which floor may use which; style is prettier's, types are vue-tsc's. A floor is a folder of src/, see CONTRIBUTING.
import vue from "eslint-plugin-vue";
import ts from "typescript-eslint";

const FRAMEWORKS = ["vue", "vue-router", "buefy", "@lucide/vue"];

/** What each floor may import of the others; `src/*.ts` and App.vue put all of them together. */
const MAY = {
  editor: [],
  api: ["editor"],
  drafts: ["api", "editor"],
  common: ["api", "drafts", "styles"],
  maker: ["api", "drafts", "common"],
  packs: ["api", "common", "maker"],
  fix: ["api", "drafts", "common", "editor", "maker"],
  desk: ["api", "common", "editor"],
  operator: ["api", "common"],
};
const FLOORS = Object.keys(MAY);

function floor(name) {
  const forbidden = FLOORS.filter((other) => other !== name && !MAY[name].includes(other));
  const pattern = {
    regex: `^(\\.\\./)+(${forbidden.join("|")})/`,
    message: `src/${name} may use ${[name, ...MAY[name]].join(", ")}: see eslint.config.js.`,
  };
  const paths =
    name === "editor" ? FRAMEWORKS.map((each) => ({ name: each, message: "editor/ knows no framework." })) : [];
  return {
    files: [`src/${name}/**/*.{ts,vue}`],
    rules: { "no-restricted-imports": ["error", { patterns: [pattern], paths }] },
  };
}

export default [
  { ignores: ["dist", "coverage", "src/api/schema.gen.ts"] },
  {
    files: ["src/**/*.{ts,vue}"],
    languageOptions: { parser: ts.parser },
    linterOptions: { reportUnusedDisableDirectives: "error" },
  },
  ...vue.configs["flat/base"].map((config) => ({
    ...config,
    languageOptions: { ...config.languageOptions, parserOptions: { parser: ts.parser } },
  })),
  ...FLOORS.map(floor),
];
