import vue from "@vitejs/plugin-vue";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

/** The editor alone on a page, without the service: for photos larger than the service takes. */
export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  base: "./",
  plugins: [vue()],
  build: { target: "es2022", emptyOutDir: true },
  css: { preprocessorOptions: { scss: { quietDeps: true } } },
});
