import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vitest/config";

// Django compares the origin of a call that writes with its host: both stay as the browser sent them.
const server = { target: "http://127.0.0.1:8000", changeOrigin: false };

export default defineConfig(({ command }) => ({
  // Django serves dist/ below /static/; the development server serves the pages itself.
  base: command === "build" ? "/static/" : "/",
  plugins: [vue()],
  build: { target: "es2022", chunkSizeWarningLimit: 300 },
  // Bulma 1.0 and Buefy 3 still use Sass functions that Sass calls deprecated.
  css: { preprocessorOptions: { scss: { quietDeps: true } } },
  server: {
    fs: { allow: [".", "../stickersnap/routes.json"] },
    proxy: {
      "/api": server,
      "/healthz": server,
      "/readyz": server,
      "/admin": server,
      "/static": server,
      // Only `POST /` is the service's; `GET /` is the page.
      "^/$": { ...server, bypass: (request) => (request.method === "POST" ? undefined : request.url) },
    },
  },
  test: {
    include: ["tests/**/*.test.ts"],
    environment: "happy-dom",
    environmentOptions: { happyDOM: { settings: { disableJavaScriptFileLoading: true, disableCSSFileLoading: true } } },
    restoreMocks: true,
  },
}));
