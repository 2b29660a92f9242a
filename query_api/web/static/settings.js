// Settings: profile, notifications, password, sessions, apps, the export and the end of an account. Loaded when first
// asked for.

import {
  accessToken,
  ask,
  commandUrl,
  confirmed,
  empty,
  failure,
  forget,
  get,
  h,
  heading,
  labelled,
  me,
  pause,
  put,
  Refused,
  send,
  setUser,
  SILENT,
  staying,
  submitting,
  toast,
  whole,
  words,
} from "./core.js";
import { upload } from "./media.js";
import { avatar, isOurs, skeleton } from "./tweets.js";

const ASKED_EVERY_MS = 2_000;
const AGENT_CHARS = 60;

/** Show all of them; each part comes by itself, and says what is wrong with it alone. */
export function settings() {
  const stays = staying();
  const parts = [
    part("Profile", profile),
    part("Notifications", preferences),
    part("Password", password),
    part("Where you are logged in", sessions),
    part("Apps", apps),
    part("Your data", () => exporting(stays)),
    part("Delete your account", leaving),
  ];
  put("Settings", heading("Settings"), ...parts);
}

function part(name, fill) {
  const place = h("div", { class: "fill" }, skeleton());
  const load = async () => {
    try {
      place.replaceChildren(...[await fill(load)].flat());
    } catch (error) {
      place.replaceChildren(failure(error, load));
    }
  };
  load();
  return h("section", { class: "setting", "aria-label": name }, h("h2", {}, name), place);
}

/** A form with what is wrong, and what it says when it is done. */
function form(fields, action, act, kind = "") {
  const made = h("form", {}, ...fields, wrong(), h("div", { class: "row end" }, h("button", { class: kind }, action)));
  submitting(made, act);
  return made;
}

const wrong = () => h("p", { class: "wrong", role: "alert" });

const secret = (name, autocomplete, minlength = null) =>
  h("input", { name, type: "password", required: true, autocomplete, minlength, maxlength: 256 });

// --- profile

async function profile(again) {
  const user = await get("/users/me");
  const field = (name, label, maxlength) =>
    labelled(label, h("input", { name, value: user[name], maxlength, dir: "auto" }));
  const texts = form(
    [
      field("display_name", "Name", 100),
      field("bio", "About you", 160),
      field("location", "Where you are (for trends)", 100),
    ],
    "Save profile",
    async (values) => {
      setUser(await send("PATCH", "/users/me", values));
      toast("Saved.");
    },
  );
  const banner = isOurs(user.banner_image_url)
    ? h("img", { class: "strip", src: user.banner_image_url, alt: "", width: 600, height: 200 })
    : h("div", { class: "strip" });
  return [
    picture("Picture", "profile_image_id", avatar(user, "large"), again),
    picture("Banner", "banner_image_id", banner, again),
    texts,
  ];
}

function picture(name, member, shown, again) {
  const said = wrong();
  const bar = h("progress", { max: 1, value: 0, hidden: true, "aria-label": `Sending the ${name.toLowerCase()}` });
  const file = h("input", { type: "file", accept: "image/*", hidden: true, tabindex: "-1" });
  const label = `Change ${name.toLowerCase()}`;
  const change = h("button", { type: "button", class: "plain", onclick: () => file.click() }, label);
  file.addEventListener("change", async () => {
    const [chosen] = file.files;
    if (!chosen) return;
    said.textContent = "";
    [change.disabled, bar.hidden] = [true, false];
    try {
      const media = await upload(chosen, (sent) => (bar.value = sent));
      setUser(await send("PATCH", "/users/me", { [member]: media.media_id }, { after: true }));
      toast(`${name} changed.`);
      return again();
    } catch (error) {
      said.textContent = words(error);
    }
    [change.disabled, bar.hidden, file.value] = [false, true, ""];
  });
  return h("div", { class: "pick" }, shown, h("div", {}, change, bar, file), said);
}

// --- what one is told of

const KINDS = {
  mention: "Somebody mentions you",
  reply: "Somebody replies to you",
  quote: "Somebody quotes you",
  like: "Somebody likes your tweet",
  retweet: "Somebody retweets you",
  follow: "Somebody follows you",
};

async function preferences() {
  const { kinds } = await get("/notifications/preferences");
  const said = wrong();
  const line = ([kind, text]) => {
    const box = h("input", { type: "checkbox", checked: kinds[kind] });
    box.addEventListener("change", async () => {
      said.textContent = "";
      try {
        await send("PATCH", "/notifications/preferences", { [kind]: box.checked });
      } catch (error) {
        box.checked = !box.checked;
        said.textContent = words(error);
      }
    });
    return h("label", { class: "check" }, box, h("span", {}, text));
  };
  return [h("p", { class: "soft" }, "Tell me when"), ...Object.entries(KINDS).map(line), said];
}

// --- password, sessions, apps

function password() {
  const made = form(
    [
      labelled("Present password", secret("current", "current-password")),
      labelled("New password", secret("new", "new-password", 8)),
    ],
    "Change password",
    async (values) => {
      await send("POST", "/auth/password", values);
      made.reset();
      toast("Changed. You are logged out everywhere else.");
    },
  );
  return made;
}

async function sessions(again) {
  const { sessions: found } = await ask("/users/me/sessions");
  const all = h("button", { type: "button", class: "danger", onclick: everywhere }, "Log out everywhere");
  const line = (it) => {
    const name = program(it.agent);
    const end = () => ending("End", `End the session of ${name}`, `/users/me/sessions/${it.session_id}`, again);
    return row(name, `since ${whole(it.opened_at)}`, it.current ? h("span", { class: "chip" }, "this one") : end());
  };
  return [h("ul", { class: "rows" }, ...found.map(line)), h("div", { class: "row end" }, all)];
}

/** The browser and the system that it runs on, where its name for itself tells. */
function program(agent) {
  const [, browser] = agent.match(/(Firefox|Edg|OPR|Chrome|Safari)[a-zA-Z]*\//) || [];
  const [, system] = agent.match(/(Android|iPhone|iPad|Windows|Mac OS X|Linux)/) || [];
  if (!browser) return agent.slice(0, AGENT_CHARS) || "An unknown program";
  const name = { Edg: "Edge", OPR: "Opera" }[browser] || browser;
  return system ? `${name} on ${system}` : name;
}

async function everywhere() {
  const effect = "All sessions end: this one, and those of apps, too.";
  if (!(await confirmed("Log out everywhere?", effect, "Log out", "Stay"))) return;
  await told(async () => {
    await send("DELETE", "/users/me/sessions");
    forget();
  });
}

async function apps(again) {
  const { apps: found } = await ask("/users/me/apps");
  if (!found.length) return h("p", { class: "soft" }, "No app may act for you.");
  const line = (it) => {
    const shut = ending("Shut out", `Shut out ${it.name}`, `/users/me/apps/${it.client_id}`, again);
    return row(it.name, `may ${it.scopes.join(", ")}; since ${whole(it.allowed_at)}`, shut);
  };
  return h("ul", { class: "rows" }, ...found.map(line));
}

const row = (name, more, act) =>
  h("li", {}, h("div", {}, h("bdi", {}, name), h("p", { class: "soft" }, more)), act);

function ending(action, name, path, again) {
  const end = async () => {
    button.disabled = true;
    if (await told(() => send("DELETE", path))) again();
    else button.disabled = false;
  };
  const button = h("button", { type: "button", class: "plain", "aria-label": name, onclick: end }, action);
  return button;
}

/** Do it, and say what is refused; return whether it was done. */
async function told(act) {
  try {
    await act();
    return true;
  } catch (error) {
    toast(words(error), "bad");
    return false;
  }
}

// --- one's data

function exporting(stays) {
  const about = "One archive of all that is kept of you, with your images and videos.";
  const said = h("p", { class: "soft", role: "status" }, about);
  const button = h("button", { type: "button", class: "plain" }, "Prepare my data");
  const bad = wrong();
  const prepare = async () => {
    button.disabled = true;
    bad.textContent = "";
    try {
      let found = await ask("/users/me/export");
      while (found.status === "preparing" && stays()) {
        said.textContent = "It is being prepared. This may take a while.";
        await pause(ASKED_EVERY_MS);
        found = await ask("/users/me/export");
      }
      said.textContent = `Ready: ${Math.ceil(found.bytes / 1000)} KB, to be fetched until ${whole(found.expires_at)}.`;
      button.textContent = "Download";
      button.onclick = () => told(download);
    } catch (error) {
      bad.textContent = words(error);
    }
    button.disabled = false;
  };
  button.onclick = prepare;
  return [said, bad, h("div", { class: "row end" }, button)];
}

/** By fetch: a link could send no token. */
async function download() {
  const headers = { Authorization: `Bearer ${await accessToken()}` };
  const answer = await fetch(commandUrl("/users/me/export/file"), { headers, credentials: "omit", cache: "no-store" });
  if (!answer.ok) throw new Refused(answer.status, await answer.json().catch(() => SILENT));
  const address = URL.createObjectURL(await answer.blob());
  h("a", { href: address, download: `murmuration-${me().username}.zip` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

// --- the end

function leaving() {
  const effects = [
    "At once: you are logged out everywhere, and nobody sees your profile and your tweets any more.",
    "For some days a log-in opens the account again, as it was.",
    "Then all that is personal is destroyed, tweets, images, likes and follows. Nobody can bring it back.",
    "Your name is never given to anybody else.",
  ];
  return [
    h("ul", { class: "wanted" }, ...effects.map((it) => h("li", {}, it))),
    h("p", { class: "soft" }, "If you want to keep what you wrote, fetch your data first."),
    form(
      [labelled("Your password", secret("password", "current-password"))],
      "Delete my account",
      async (values) => {
        const sure = await confirmed("Delete your account?", "Nobody sees it from now on.", "Delete account");
        if (!sure) return;
        const { erased_at: until } = await send("DELETE", "/users/me", values);
        forget();
        const again = `A log-in before ${whole(until)} opens it again.`;
        put("Goodbye", heading("Goodbye"), empty("Your account is closed", again));
      },
      "danger",
    ),
  ];
}
