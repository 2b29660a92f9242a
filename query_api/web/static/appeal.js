// The page of whoever is suspended: why, until when, and another look asked for. Loaded when first asked for.

import { barred, empty, enter, h, heading, labelled, me, put, send, submitting } from "./core.js";

const APPEAL_CHARS = 1_000;
const TITLE = "Suspended accounts";

/** Show the page. `entered` are name and password as they were typed at the log-in, with what it was refused for. */
export function appeal(entered) {
  if (me()) {
    const home = h("a", { class: "button", href: "/" }, "Go home");
    return put(TITLE, heading(TITLE), empty("Your account is not suspended", "You can use it as ever.", home));
  }
  return entered ? asking(entered) : finding();
}

/** Ask who it is: only the log-in tells an account's owner, and nobody else, why it is suspended. */
function finding() {
  const name = { name: "username", required: true, autocomplete: "username", maxlength: 50, autocapitalize: "none" };
  const secret = { name: "password", type: "password", required: true, autocomplete: "current-password" };
  const form = h(
    "form",
    { "aria-label": "See why" },
    h("p", {}, "Log in to see why your account is suspended and until when, and to ask for another look."),
    labelled("Username", h("input", { ...name, spellcheck: "false", value: barred() })),
    labelled("Password", h("input", { ...secret, maxlength: 256 })),
    h("p", { class: "wrong", role: "alert" }),
    h("div", { class: "row end" }, h("button", {}, "See why")),
  );
  submitting(form, async (values) => {
    try {
      await enter("/auth/login", values);
    } catch (error) {
      if (error.code !== "account_suspended") throw error;
      asking({ ...values, why: error.message });
    }
  });
  put(TITLE, heading(TITLE), h("section", { class: "setting", "aria-label": TITLE }, form));
}

function asking({ username, password, why }) {
  const field = h("textarea", { name: "text", rows: 5, required: true, maxlength: APPEAL_CHARS });
  const form = h(
    "form",
    { "aria-label": "Appeal" },
    h("p", {}, "You can ask once for another look. Another moderator than the one who decided answers."),
    labelled("Why is it wrong?", field),
    h("p", { class: "wrong", role: "alert" }),
    h("div", { class: "row end" }, h("button", {}, "Send the appeal")),
  );
  submitting(form, async ({ text }) => {
    await send("POST", "/moderation/appeals", { text, username, password }, { anonymous: true });
    const hint = "Another moderator will look at it. If the decision is undone, you can log in again.";
    put(TITLE, heading(TITLE), empty("Your appeal is sent", hint, h("a", { class: "button", href: "/" }, "Go home")));
  });
  const reason = h("p", { class: "words", dir: "auto" }, why);
  const about = h("section", { class: "setting", "aria-label": `@${username}` }, h("h2", {}, `@${username}`), reason);
  const plea = h("section", { class: "setting", "aria-label": "Appeal" }, h("h2", {}, "Appeal"), form);
  put("Your account is suspended", heading("Your account is suspended"), about, plea);
}
