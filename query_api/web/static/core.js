// What all pages share: building elements out of text, the API in words, and the session.
//
// Data enters the document as text nodes and attribute values only: the policy of the pages forbids HTML out of
// strings.

const COMMANDS = document.querySelector("meta[name=commands]").content;
const API = "/api/v1";
const STOWED = "murmuration.session";
const REFRESH_EARLY_MS = 30_000;
const SEEN_MS = 10_000; // for so long queries are asked to show what was just done
const TRIES = 3;

/** An address of the command API. */
export const commandUrl = (path) => COMMANDS + API + path;

// --- elements

/** Make an element; `on…` are listeners, true and false attributes that are there or not. */
export function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** The same for SVG. */
export function s(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

export const icon = (name) => s("svg", { class: "icon", "aria-hidden": "true" }, s("use", { href: `#i-${name}` }));
export const $ = (selector, root = document) => root.querySelector(selector);

const COMPACT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const PLAIN = new Intl.NumberFormat("en");
const DAY = new Intl.DateTimeFormat("en", { day: "numeric", month: "short" });
const WHOLE = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });

export const short = (number) => (number < 10_000 ? PLAIN : COMPACT).format(number);
export const whole = (moment) => WHOLE.format(new Date(moment));

export function ago(moment) {
  const seconds = (Date.now() - new Date(moment)) / 1000;
  if (seconds < 45) return "now";
  if (seconds < 3600) return `${Math.max(1, Math.round(seconds / 60))}m`;
  if (seconds < 86_400) return `${Math.round(seconds / 3600)}h`;
  return DAY.format(new Date(moment));
}

export const when = (moment) => h("time", { datetime: moment, title: whole(moment) }, ago(moment));

setInterval(() => {
  for (const node of document.querySelectorAll("time[datetime]")) {
    const text = ago(node.dateTime);
    if (node.textContent !== text) node.textContent = text;
  }
}, 30_000);

/** Say something in passing; read out, too. */
export function toast(text, kind = "") {
  const line = h("p", { class: `toast ${kind}` }, text);
  $("#toasts").append(line);
  setTimeout(() => line.remove(), 6_000);
}

/** What stands where nothing is, or where something went wrong. */
export function empty(title, text, ...more) {
  return h("div", { class: "empty" }, h("h2", {}, title), text && h("p", {}, text), ...more);
}

export function failure(error, again) {
  const button = again && h("button", { type: "button", class: "plain", onclick: again }, "Try again");
  return h("div", { class: "empty", role: "alert" }, h("h2", {}, error.title), h("p", {}, words(error)), button);
}

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// --- the API

/** What an API refused, by its problem+json; or that it did not answer at all. */
export class Refused extends Error {
  constructor(status, problem, wait = 0) {
    super(problem.detail || problem.title);
    Object.assign(this, { status, wait, code: problem.code, title: problem.title, hint: problem.hint });
  }
}

const IS_IT = { detail: "The server does not answer.", hint: "Is it running?" };
export const SILENT = { code: "no_answer", title: "No answer", ...IS_IT };

export function words(error) {
  if (!(error instanceof Refused)) return "Something went wrong on this page. Reloading it may help.";
  if (error.code === "rate_limited") return `That was a lot at once. Try again in ${error.wait || 1} s.`;
  const detail = error.message.charAt(0).toUpperCase() + error.message.slice(1);
  return [/[.!?]$/.test(detail) ? detail : `${detail}.`, error.hint].filter(Boolean).join(" ");
}

let seen = { token: "", until: 0 };

export const get = (path, options) => request("GET", path, undefined, options);
/** Command; `after`: it is to see what the last one did. */
export const send = (method, path, body, options) => request(method, path, body, options);

/** Read what is the command API's alone: sessions, apps, exports. */
export const ask = (path, options) => request("GET", path, undefined, { ...options, of: COMMANDS });

async function request(method, path, body, options = {}) {
  const { signal, anonymous = false, prefix = API, of = "", after = false } = options;
  const reads = method === "GET";
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (!reads) headers["Idempotency-Key"] = randomKey();
  if ((reads || after) && Date.now() < seen.until) headers["X-Consistency-Token"] = seen.token;
  const url = (reads ? of : COMMANDS) + prefix + path;
  for (let attempt = 1; ; attempt += 1) {
    const token = anonymous ? "" : await accessToken();
    if (token) headers.Authorization = `Bearer ${token}`;
    else delete headers.Authorization;
    const sent = {
      method,
      headers,
      signal,
      body: body && JSON.stringify(body),
      credentials: "omit",
      cache: "no-store",
      keepalive: !reads && !anonymous, // it outlives the page; new tokens must not, nobody would have them
    };
    const answer = await answerOf(url, sent, reads);
    if (!(answer instanceof Refused)) return answer;
    const error = answer;
    if (error.code === "token_expired" && token && attempt < TRIES) {
      await refresh();
    } else if ((error.status === 503 || error.status === 0) && attempt < TRIES) {
      await pause((error.wait || 0.3 * attempt) * 1000);
    } else {
      if (token && error.code === "account_suspended") suspend();
      if (token && (error.code === "session_revoked" || error.code === "token_invalid")) setSession(null);
      throw error;
    }
  }
}

/** Return the answer's JSON, or a Refused; an abort is thrown. */
async function answerOf(url, options, reads) {
  let answer;
  try {
    answer = await fetch(url, options);
    const said = await answer.json();
    if (answer.ok) {
      if (!reads) saw(answer.headers.get("X-Consistency-Token"));
      return said;
    }
    return new Refused(answer.status, said, Number(answer.headers.get("Retry-After")) || 0);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return new Refused(answer ? answer.status : 0, SILENT);
  }
}

/** Ask queries from now on to show what a command did. */
export function saw(token) {
  if (token) seen = { token, until: Date.now() + SEEN_MS };
}

export const randomKey = () =>
  Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join("-");

// --- the session
//
// Tokens are in this page's memory. Between two pages of a tab, and while it is hidden, they are stowed in the tab's
// sessionStorage; a tab that shows takes them out again, so that a duplicated tab never has the same refresh token.

let session = null;
let suspended = ""; // whose session ended by a suspension
let refreshing = null;
unstow();

export const me = () => session && session.user;
export const onSession = (listener) => document.addEventListener("session", listener);

export async function enter(path, body) {
  setSession(await request("POST", path, body, { anonymous: true }));
}

export async function leave() {
  await send("POST", "/auth/logout").catch(() => null); // ended here in any case
  setSession(null);
}

/** Forget the session: the server has ended it. */
export const forget = () => setSession(null);

/** The same, as the account is suspended; who that was is remembered for the page that tells more. */
export function suspend() {
  if (!session) return;
  suspended = session.user.username;
  setSession(null);
}

export const barred = () => suspended;

/** Whether the session's token has a scope, such as that of moderators. */
export function may(scope) {
  if (!session) return false;
  const [, claims] = session.access.split(".");
  return JSON.parse(atob(claims.replace(/-/g, "+").replace(/_/g, "/"))).scope.split(" ").includes(scope);
}

export function setUser(user) {
  if (session) session.user = user;
}

function setSession(answer) {
  const had = Boolean(session);
  session = answer && {
    user: answer.user,
    access: answer.access_token,
    refresh: answer.refresh_token,
    until: Date.now() + answer.expires_in * 1000,
  };
  if (session) suspended = "";
  else seen = { token: "", until: 0 };
  stow(document.hidden);
  if (had !== Boolean(session)) document.dispatchEvent(new Event("session"));
}

export async function accessToken() {
  if (session && session.until - REFRESH_EARLY_MS < Date.now()) await refresh();
  return session ? session.access : "";
}

function refresh() {
  refreshing ??= exchange().finally(() => (refreshing = null));
  return refreshing;
}

async function exchange() {
  const held = session;
  try {
    const answer = await request("POST", "/auth/refresh", { refresh_token: held.refresh }, { anonymous: true });
    if (session === held) setSession(answer);
  } catch (error) {
    if (error.code === "account_suspended" && session === held) suspend();
    if (error.status !== 401) throw error;
    if (session === held) setSession(null);
  }
}

function stow(away) {
  if (away && session) sessionStorage.setItem(STOWED, JSON.stringify({ session, seen }));
  else sessionStorage.removeItem(STOWED);
}

function unstow() {
  try {
    const stowed = JSON.parse(sessionStorage.getItem(STOWED));
    if (stowed) [session, seen] = [stowed.session, stowed.seen];
  } catch {
    session = null; // of another version of this page
  }
  sessionStorage.removeItem(STOWED);
}

addEventListener("pagehide", () => stow(true));
addEventListener("pageshow", () => stow(document.hidden));
document.addEventListener("visibilitychange", () => stow(document.hidden));

// --- the stream of events
//
// Read by fetch: an EventSource can send neither a token nor, once its address has changed, where it left off.

const SILENT_MS = 45_000; // the server says something every 15 s
const LONGEST_PAUSE_MS = 10_000;
const LASTED_MS = 3_000; // a stream that ends sooner has failed
const SHOWN_EVERY_MS = 5_000;

/**
 * Hand on what happens for as long as somebody is signed in and looks; returns where no streams are kept.
 *
 * `shown` gives the ids of tweets whose counters are wanted, first those in view: a stream that does not tell of one of
 * these is opened anew, from where it was.
 */
export async function listen(on, shown) {
  let [last, whose, wait] = ["", "", 0];
  for (;;) {
    await untilLookedAt();
    if (whose !== me().user_id) [last, whose] = ["", me().user_id];
    const [cut, began] = [new AbortController(), performance.now()];
    const away = () => cut.abort();
    const { all } = shown();
    const renewal = setInterval(() => shown().inView.some((id) => !all.includes(id)) && away(), SHOWN_EVERY_MS);
    let silence = setTimeout(away, SILENT_MS);
    document.addEventListener("visibilitychange", away);
    document.addEventListener("session", away);
    try {
      const headers = { Authorization: `Bearer ${await accessToken()}`, ...(last && { "Last-Event-ID": last }) };
      const path = `${API}/stream?streams=home,notifications,counters&tweet_ids=${all.join(",")}`;
      const answer = await fetch(path, { headers, signal: cut.signal, credentials: "omit", cache: "no-store" });
      if (answer.status === 404 || answer.status === 501) return;
      if (answer.status === 401)
        await get("/users/me"); // which renews the session, or ends it
      else if (answer.ok) {
        for await (const { event, data, id } of events(answer.body)) {
          clearTimeout(silence);
          silence = setTimeout(away, SILENT_MS);
          if (event) on(event, data && JSON.parse(data));
          last = id || last;
        }
      }
    } catch (error) {
      if (error.name !== "AbortError" && !(error instanceof TypeError) && !(error instanceof Refused))
        console.error(error);
    }
    clearTimeout(silence);
    clearInterval(renewal);
    document.removeEventListener("visibilitychange", away);
    document.removeEventListener("session", away);
    wait = performance.now() - began < LASTED_MS ? Math.min(2 * wait + 250, LONGEST_PAUSE_MS) : 0;
    await pause(wait * (0.5 + Math.random()));
  }
}

async function untilLookedAt() {
  while (!session || document.hidden) {
    await new Promise((done) => {
      document.addEventListener("visibilitychange", done, { once: true });
      document.addEventListener("session", done, { once: true });
    });
  }
}

/** Cut a body into the events of an event stream (WHATWG HTML §9.2). */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n\n");
    rest = parts.pop();
    for (const part of parts) {
      const lines = part
        .split("\n")
        .map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trimStart()]);
      const all = (name) =>
        lines
          .filter(([field]) => field === name)
          .map(([, text]) => text)
          .join("\n");
      yield { event: all("event"), data: all("data"), id: all("id") };
    }
  }
}

// --- pages and forms

let [title, unread, visit] = ["", 0, 0];

/** Note that somebody has come to another page; what belongs to the one before is not to be shown any more. */
export function arrive() {
  visit += 1;
}

/** Return what tells whether the page that is shown now is still shown. */
export function staying() {
  const mine = visit;
  return () => mine === visit;
}

/** Show a page. */
export function put(name, ...children) {
  title = name;
  retitle();
  $("#main").replaceChildren(...children);
}

function retitle() {
  const name = title.includes("Murmuration") ? title : `${title} · Murmuration`;
  document.title = unread ? `(${unread}) ${name}` : name;
}

export function heading(name, ...more) {
  return h("div", { class: "heading" }, h("h1", {}, name), ...more);
}

export function labelled(text, input) {
  return h("label", {}, h("span", {}, text), input);
}

/** Send a form's fields; what is refused is said in the form. */
export function submitting(form, act) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = $("button:not([type=button])", form);
    button.disabled = true;
    $(".wrong", form).textContent = "";
    try {
      await act(Object.fromEntries(new FormData(form)));
    } catch (error) {
      $(".wrong", form).textContent = words(error);
    }
    button.disabled = false;
  });
}

/** Ask before what cannot be undone. */
export function confirmed(title, body, action, other = "Keep it") {
  return new Promise((done) => {
    const dialog = h(
      "dialog",
      {
        "aria-label": title,
        onclose: () => {
          done(dialog.returnValue === "yes");
          dialog.remove();
        },
      },
      h(
        "form",
        { method: "dialog" },
        h("h2", {}, title),
        h("p", {}, body),
        h(
          "div",
          { class: "row end" },
          h("button", { class: "plain", value: "no" }, other),
          h("button", { class: "danger", value: "yes" }, action),
        ),
      ),
    );
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Show how many notifications are not read: on the badge, and in the title. */
export async function countUnread() {
  const badge = $("#unread");
  const found = me() ? await get("/notifications/unread_count").catch(() => null) : null; // not kept, or not now
  unread = found ? found.unread_count : 0;
  badge.hidden = !unread;
  badge.textContent = found ? `${unread}${found.more ? "+" : ""}` : "";
  badge.setAttribute("aria-label", `${unread} unread`);
  retitle();
}

// --- what is around each page

function showSession() {
  document.documentElement.dataset.session = session ? "yes" : "no";
  const own = $("#nav-profile");
  if (own && session) own.href = `/@${session.user.username}`;
  const board = $("#nav-moderation");
  if (board) board.hidden = !may("moderate");
}

onSession(showSession);
showSession();
$("#log-out")?.addEventListener("click", leave);
for (const link of document.querySelectorAll("nav a, a.settings")) {
  if (link.pathname === location.pathname) link.setAttribute("aria-current", "page");
}
