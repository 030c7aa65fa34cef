import { render } from "preact";
import { App } from "./app";
import { applyTheme, storedTheme } from "./lib/theme";
import "./style/base.css";
import "./style/layout.css";
import "./style/parts.css";

applyTheme(storedTheme());
const root = document.getElementById("app");
if (root !== null) render(<App />, root);
