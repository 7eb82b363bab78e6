import { createApp } from "vue";
import App from "./App.vue";
import { makeRouter } from "./router";
import "./styles/main.scss";

createApp(App).use(makeRouter()).mount("#app");
