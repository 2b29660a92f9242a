// The box to write a tweet, a reply or a quote in. Loaded when first asked for.

import { h, icon, send, toast, words } from "./core.js";

export const MAX_CHARS = 280;

export const length = (text) => [...text.normalize("NFC")].length;

const medias = () => import("./media.js");

/** Return a form that posts text and media; it says what is wrong, and counts what is left. */
export function composer({ name, action, post, done }) {
  const field = h("textarea", { rows: "2", placeholder: name, "aria-label": name, dir: "auto" });
  const left = h("span", { class: "left", role: "status" });
  const go = h("button", { type: "submit", disabled: true }, action);
  let sending = false;
  const wrong = h("p", { class: "wrong", role: "alert" });
  const file = h("input", { type: "file", accept: "image/*,video/*", multiple: true, hidden: true, tabindex: "-1" });
  const clip = h("button", { type: "button", class: "act clip", onclick: () => file.click() }, icon("image"));
  clip.setAttribute("aria-label", "Attach images or a video");
  const place = h("div", { class: "attached" });
  const row = h("div", { class: "row end" }, clip, file, left, go);
  const form = h("form", { class: "composer" }, field, place, wrong, row);
  let tray = null; // comes with the first file
  const attach = async (files) => {
    if (!files.length) return;
    const { Tray } = await medias();
    if (!tray) place.append((tray = new Tray(() => count())).node);
    wrong.textContent = tray.add([...files]);
  };
  file.addEventListener("change", () => attach(file.files).finally(() => (file.value = "")));
  field.addEventListener("paste", (event) => {
    if (!event.clipboardData.files.length) return;
    event.preventDefault();
    attach(event.clipboardData.files);
  });
  form.addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    form.classList.add("over");
  });
  form.addEventListener("dragleave", () => form.classList.remove("over"));
  form.addEventListener("drop", (event) => {
    form.classList.remove("over");
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    attach(event.dataTransfer.files);
  });
  const count = () => {
    const rest = MAX_CHARS - length(field.value);
    left.textContent = field.value ? String(rest) : "";
    left.classList.toggle("bad", rest < 0);
    go.disabled = sending || rest < 0 || (tray && tray.busy) || !(field.value.trim() || (tray && tray.items.length));
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight}px`;
  };
  field.addEventListener("input", count);
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (go.disabled) return;
    go.disabled = sending = true;
    wrong.textContent = "";
    try {
      const content = field.value;
      const media = tray && tray.items.length ? { media_ids: await tray.described() } : {};
      const answer = await post({ content, ...media }, { after: Boolean(media.media_ids) });
      if (field.value === content) field.value = ""; // else somebody writes on already
      if (tray) tray.clear();
      done(answer);
    } catch (error) {
      wrong.textContent = words(error);
    }
    sending = false;
    count();
  });
  return form;
}

function reply(tweet, done) {
  const box = composer({
    name: `Your reply to @${tweet.user.username}`,
    action: "Reply",
    post: (said, how) => send("POST", `/tweets/${tweet.tweet_id}/reply`, said, how),
    done: () => {
      box.remove();
      done();
      toast("Your reply is out.");
    },
  });
  return box;
}

function quote(tweet) {
  const box = composer({
    name: `What you say about the tweet of @${tweet.user.username}`,
    action: "Quote",
    post: (said, how) => send("POST", "/tweets", { ...said, quoted_tweet_id: tweet.tweet_id }, how),
    done: () => {
      box.remove();
      toast("Your quote is out.");
    },
  });
  return box;
}

/** What may be opened below a tweet. */
export const boxes = { reply, quote };
