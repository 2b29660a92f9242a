// Images and videos: uploads, what is attached to a tweet while it is written, the viewer. Loaded when first asked for.

import {
  $,
  accessToken,
  commandUrl,
  get,
  h,
  icon,
  pause,
  randomKey,
  Refused,
  saw,
  send,
  SILENT,
  words,
} from "./core.js";

const MOST_IMAGES = 4;
const ALT_CHARS = 1_000;
const MIB = 1_048_576;
const LARGEST = { image: 5 * MIB, video: 500 * MIB };
const ASKED_EVERY_MS = 700;
const REASONS = {
  not_decodable: "It cannot be read: it is broken, or of a kind that is not taken.",
  too_many_pixels: "It has too many pixels: images may have 40 megapixels.",
  too_long: "It is too long: videos may last two minutes.",
  codec_unsupported: "Its video or sound is of a kind that is not taken.",
  too_expensive: "It took too long to read.",
  lost: "It was lost on the way. Send it again.",
};

const kindOf = (file) => (file.type.startsWith("video/") ? "video" : "image");

/** Send a file, and return it once it can be shown; `tell` is called with the part that is sent, and 1 at its end. */
export async function upload(file, tell = () => null, signal = undefined) {
  const kind = kindOf(file);
  const most = LARGEST[kind];
  if (file.size > most) throw unfit(`It is too large: ${kind}s may have ${most / MIB} MiB.`);
  let media = await sent(file, tell, await accessToken(), signal);
  while (media.status === "processing") {
    await pause(ASKED_EVERY_MS);
    media = await get(`/media/${media.media_id}`, { signal });
  }
  if (media.status === "failed") throw unfit(REASONS[media.reason] || "It cannot be shown.");
  return media;
}

const unfit = (detail) => new Refused(400, { code: "media_unfit", title: "Not taken", detail });

/** By XMLHttpRequest: fetch tells nothing of what is on its way. */
function sent(file, tell, token, signal) {
  return new Promise((done, failed) => {
    const sending = new XMLHttpRequest();
    const form = new FormData();
    form.append("file", file);
    sending.open("POST", commandUrl("/media"));
    sending.setRequestHeader("Authorization", `Bearer ${token}`);
    sending.setRequestHeader("Idempotency-Key", randomKey());
    sending.upload.addEventListener("progress", ({ loaded, total }) => tell(total ? loaded / total : 0));
    sending.addEventListener("error", () => failed(new Refused(0, SILENT)));
    sending.addEventListener("abort", () => failed(new DOMException("Taken away", "AbortError")));
    sending.addEventListener("load", () => {
      const said = parsed(sending.responseText);
      const wait = Number(sending.getResponseHeader("Retry-After")) || 0;
      if (sending.status >= 400 || !said) return failed(new Refused(sending.status, said || SILENT, wait));
      saw(sending.getResponseHeader("X-Consistency-Token"));
      return done(said);
    });
    signal?.addEventListener("abort", () => sending.abort(), { once: true });
    sending.send(form);
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null; // of something between here and the server
  }
}

// --- what is attached

/** Files that a tweet will have: each is sent at once, can be described, and taken away. */
export class Tray {
  constructor(changed) {
    Object.assign(this, { changed, items: [] });
    this.list = h("ul", { class: "tray", "aria-label": "Attached" });
    this.hint = h("p", { class: "soft" }, "Descriptions let those take part who cannot see.");
    this.said = h("p", { class: "unseen", role: "status" });
    this.node = h("div", {}, this.list, this.hint, this.said);
    this.show();
  }

  get busy() {
    return this.items.some((it) => !it.media);
  }

  /** Take files, and return what is wrong with them: nothing as a rule. */
  add(files) {
    const kinds = [...this.items.map((it) => it.file), ...files].map(kindOf);
    const videos = kinds.filter((kind) => kind === "video").length;
    if (kinds.length > MOST_IMAGES || (videos && kinds.length > 1)) {
      return "A tweet has up to four images, or one video.";
    }
    for (const file of files) this.take(file);
    return "";
  }

  take(file) {
    const item = { file, media: null, cut: new AbortController(), alt: "" };
    item.place = h("div", { class: "preview" });
    item.wrong = h("p", { class: "wrong", role: "alert" });
    item.words = h("input", {
      maxlength: ALT_CHARS,
      dir: "auto",
      "aria-label": `Description of ${file.name}`,
      placeholder: "What is to be seen?",
      oninput: () => this.show(),
    });
    const away = h("button", { type: "button", class: "act", onclick: () => this.remove(item) }, icon("close"));
    away.setAttribute("aria-label", `Remove ${file.name}`);
    item.node = h("li", {}, item.place, h("div", {}, item.words, item.wrong), away);
    this.items.push(item);
    this.list.append(item.node);
    this.send(item);
  }

  async send(item) {
    const { file } = item;
    const bar = h("progress", { max: 1, value: 0, "aria-label": `Sending ${file.name}` });
    item.wrong.textContent = "";
    item.place.replaceChildren(bar);
    this.show();
    const tell = (part) => (part < 1 ? (bar.value = part) : bar.removeAttribute("value")); // sent: it is decoded
    try {
      item.media = await upload(file, tell, item.cut.signal);
      const { small } = item.media.thumbnails;
      item.place.replaceChildren(h("img", { src: small.url, width: small.width, height: small.height, alt: "" }));
      this.said.textContent = `${file.name} is attached.`;
    } catch (error) {
      if (error.name === "AbortError") return;
      const again = h("button", { type: "button", class: "plain", onclick: () => this.send(item) }, "Try again");
      item.place.replaceChildren();
      item.wrong.replaceChildren(`${file.name}: ${words(error)} `, ...(error.code === "media_unfit" ? [] : [again]));
    }
    this.show();
  }

  remove(item) {
    item.cut.abort();
    item.node.remove();
    this.items = this.items.filter((it) => it !== item);
    this.show();
    $("textarea", this.node.closest("form")).focus();
  }

  show() {
    this.node.hidden = !this.items.length;
    this.hint.classList.toggle("warn", this.items.some((it) => !it.words.value.trim()));
    this.changed();
  }

  /** Send the descriptions, and return the ids. */
  async described() {
    for (const item of this.items) {
      const said = item.words.value.trim();
      if (said === item.alt) continue;
      await send("PATCH", `/media/${item.media.media_id}`, { alt_text: said });
      item.alt = said;
    }
    return this.items.map((it) => it.media.media_id);
  }

  clear() {
    for (const item of this.items) item.node.remove();
    this.items = [];
    this.show();
  }
}

// --- the viewer

/** Show images large, one at a time: arrows go on and back, Escape closes. */
export function view(media, first) {
  let at = first;
  const picture = h("img", {});
  const said = h("figcaption", { dir: "auto" });
  const where = h("p", { class: "soft", role: "status" });
  const step = (by) => show((at + by + media.length) % media.length);
  const button = (name, kind, act) =>
    h("button", { type: "button", class: "plain", "aria-label": name, onclick: act }, icon(kind));
  const turns = [button("Previous", "left", () => step(-1)), button("Next", "right", () => step(1))];
  const close = button("Close", "close", () => dialog.close());
  const bar = h("div", { class: "row end" }, where, ...(media.length > 1 ? turns : []), close);
  const figure = h("figure", {}, picture, said);
  const dialog = h("dialog", { class: "viewer", "aria-label": "Images", onclose: () => dialog.remove() }, bar, figure);
  const show = (to) => {
    at = to;
    const { url, width, height, alt_text: alt } = media[at];
    for (const [name, value] of Object.entries({ src: url, width, height, alt: alt || "Image without a description" }))
      picture.setAttribute(name, value);
    said.textContent = alt;
    where.textContent = media.length > 1 ? `${at + 1} of ${media.length}` : "";
  };
  dialog.addEventListener("keydown", ({ key }) => {
    if (key === "ArrowLeft") step(-1);
    if (key === "ArrowRight") step(1);
  });
  dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());
  show(at);
  document.body.append(dialog);
  dialog.showModal();
  close.focus();
}
