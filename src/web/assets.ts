import { bundlePage } from "./bundle.ts" with { type: "macro" };
import icon from "./page/icon.svg" with { type: "text" };
import page from "./page/index.html" with { type: "text" };
import style from "./page/style.css" with { type: "text" };

/** The files of the page, carried inside the executable. */
export const ASSETS: Readonly<Record<string, { readonly type: string; readonly text: string }>> = {
  "/": { type: "text/html; charset=utf-8", text: String(page) },
  "/app.js": { type: "text/javascript; charset=utf-8", text: bundlePage() },
  "/style.css": { type: "text/css; charset=utf-8", text: style },
  "/icon.svg": { type: "image/svg+xml", text: icon },
};
