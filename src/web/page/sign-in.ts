import * as client from "./client.ts";
import { h } from "./dom.ts";

/** The form that takes a token of the cluster; `done` is called once the server has let its holder in. */
export function signInForm(why: string | undefined, done: () => void): HTMLElement {
  const token = h("input", {
    id: "token",
    type: "password",
    required: true,
    autocomplete: "off",
    spellcheck: "false",
    "aria-describedby": "token-help",
  });
  const result = h("div", { role: "alert" });
  if (why !== undefined) result.append(h("p", { class: "trouble" }, why));
  const button = h("button", { type: "submit", class: "primary" }, "Sign in");
  const submit = async (event: Event) => {
    event.preventDefault();
    button.disabled = true;
    const answer = await client.signIn(token.value);
    button.disabled = false;
    token.value = ""; // not kept, not even in the page
    if (answer.ok) return done();
    result.replaceChildren(h("p", { class: "trouble" }, answer.error));
    token.focus();
  };
  return h(
    "form",
    { class: "sign-in", onsubmit: (event) => void submit(event) },
    h("h1", {}, "Sign in"),
    h("label", { for: "token" }, "Token of the cluster"),
    token,
    h(
      "p",
      { id: "token-help", class: "quiet" },
      "You see and do what it may. For example: ",
      h("code", {}, "kubectl create token NAME"),
      ", for a service account with the ClusterRole ",
      h("code", {}, "berth-viewer"),
      ". It stays in the memory of berth ui until you sign out.",
    ),
    button,
    result,
  );
}
