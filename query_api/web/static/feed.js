// The feed: which page an address means, and what stands on it.

import {
  $,
  arrive,
  barred,
  countUnread,
  empty,
  enter,
  failure,
  get,
  h,
  heading,
  icon,
  labelled,
  listen,
  me,
  onSession,
  pause,
  put,
  send,
  short,
  staying,
  submitting,
  suspend,
} from "./core.js";
import {
  avatar,
  card,
  covered,
  nothing,
  recount,
  searchPath,
  shownTweets,
  skeleton,
  standing,
  Timeline,
  timelineOf,
} from "./tweets.js";

const main = $("#main");
const people = () => import("./people.js");
const POLL_MS = 3_000;
const TRENDS_MS = 30_000;
const SUGGESTED_EVERY_MS = 6_000;
const SUGGESTED_TIMES = 5;
let live = null; // the timeline that news go to
let entered = null; // at a log-in that was refused as the account is suspended: for the page that tells more

// --- addresses

const ROUTES = [
  [/^\/$/, () => (me() ? home() : welcome())],
  [/^\/search$/, () => search(new URLSearchParams(location.search).get("q") || "")],
  [/^\/notifications$/, async () => (me() ? (await people()).notifications() : welcome())],
  [/^\/bookmarks$/, async () => (me() ? (await people()).bookmarks() : welcome())],
  [/^\/settings$/, async () => (me() ? (await import("./settings.js")).settings() : welcome())],
  [/^\/moderation$/, async () => (me() ? (await import("./moderation.js")).moderation(show) : welcome())],
  [/^\/appeal$/, async () => (await import("./appeal.js")).appeal(taken())],
  [/^\/@([^/]+)$/, async (name) => (await people()).profile(decoded(name), show)],
  [/^\/tweets\/([^/]+)$/, (id) => thread(id)],
];

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // nobody's name: the answer says so
  }
}

function taken() {
  const given = entered;
  entered = null;
  return given;
}

function show() {
  live = null;
  if (location.pathname !== "/appeal") entered = null;
  arrive();
  const [pattern, view] = ROUTES.find(([it]) => it.test(location.pathname)) || ROUTES[0];
  const [, ...found] = location.pathname.match(pattern) || [];
  for (const link of document.querySelectorAll("nav a, a.settings")) {
    if (link.pathname === location.pathname) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  view(...found);
}

function go(path) {
  history.pushState(null, "", path);
  scrollTo(0, 0);
  show();
  main.focus({ preventScroll: true });
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  if (!link || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (link.target || link.origin !== location.origin || link.hash) return;
  if (!ROUTES.some(([pattern]) => pattern.test(link.pathname))) return;
  event.preventDefault();
  go(link.pathname + link.search);
});
addEventListener("popstate", show);

// --- the pages

async function home() {
  const stays = staying();
  const { composer } = await import("./compose.js");
  if (!stays()) return;
  const place = h("section", { class: "suggestions", "aria-label": "People to follow" });
  const offer = async () => {
    const { suggest } = await people();
    for (let left = SUGGESTED_TIMES; left && stays() && !place.childElementCount; left -= 1) {
      await suggest(place, catchUp).catch(() => null); // the link is enough
      await pause(SUGGESTED_EVERY_MS); // a first trend comes with the next board
    }
  };
  const timeline = timelineOf("/timeline/home", () => {
    offer();
    const trends = h("a", { class: "button", href: "/trends" }, "See what trends");
    return empty("It is quiet here", "Follow some people, and their tweets arrive here by themselves.", trends);
  });
  const box = composer({
    name: "What is going on?",
    action: "Tweet",
    post: (said, how) => send("POST", "/tweets", said, how),
    done: async (tweet) => timeline.add(await get(`/tweets/${tweet.tweet_id}`)),
  });
  box.classList.add("top");
  put("Home", heading("Home"), h("div", { class: "write" }, avatar(me()), box), place, timeline.node);
  live = timeline;
}

function search(query) {
  const field = h("input", {
    type: "search",
    name: "q",
    value: query,
    "aria-label": "Search",
    placeholder: "Words, #tags, @names, from:name",
    autocomplete: "off",
    maxlength: "500",
  });
  const form = h("form", { role: "search", class: "search", action: "/search" }, icon("search"), field);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (field.value.trim()) go(searchPath(field.value.trim()));
  });
  const found = h("div", {});
  put(query ? `Search: ${query}` : "Search", heading("Search"), form, found);
  if (!query) {
    found.append(
      empty("Find tweets and people", 'Try a word, a #tag, from:name, "an exact phrase", -without, since:2026-01-31.'),
    );
    return field.focus();
  }
  const persons = h("section", { class: "people", "aria-label": "People" });
  const tweets = timelineOf(
    `/search/tweets?q=${encodeURIComponent(query)}`,
    nothing("No tweet found", "Fewer words find more."),
  );
  found.append(persons, tweets.node);
  if (/^[\p{L}\p{N}_ @]+$/u.test(query)) {
    Promise.all([get(`/search/users?limit=5&q=${encodeURIComponent(query.replace("@", ""))}`), people()])
      .then(([{ users }, { person }]) => persons.append(...users.map((user) => person(user))))
      .catch(() => null); // the tweets below tell what is wrong
  }
}

async function thread(id) {
  const stays = staying();
  put("Tweet", heading("Tweet"), skeleton());
  try {
    const found = await get(`/tweets/${encodeURIComponent(id)}/thread?limit=50`);
    const replies = new Timeline(
      async (maxId) => {
        if (!maxId) return found;
        return get(`/tweets/${encodeURIComponent(id)}/replies?limit=50&max_id=${maxId}`);
      },
      nothing("No replies yet"),
      "replies",
    );
    if (!stays()) return;
    const { tweet } = found;
    put(
      `${tweet.user.display_name}: ${tweet.content.slice(0, 40)}`,
      heading("Tweet"),
      h("div", { class: "ancestors" }, ...found.ancestors.map((it) => card(it))),
      card(tweet, { lead: true }),
      h("h2", { class: "part" }, "Replies"),
      replies.node,
    );
  } catch (error) {
    if (stays()) put("Tweet", heading("Tweet"), failure(error, show));
  }
}

// --- who is not signed in

function welcome() {
  put(
    "Murmuration",
    h(
      "section",
      { class: "hero" },
      h("h1", {}, "What the flock is talking about"),
      h(
        "p",
        {},
        "A small social feed that shows how it works: every tweet is an event on a log, every page a view of it.",
      ),
    ),
    h(
      "div",
      { class: "doors" },
      door("Sign up", "/auth/register", "new-password", true),
      door("Log in", "/auth/login", "current-password", false),
    ),
    h("p", { class: "below soft" }, "Suspended? ", h("a", { href: "/appeal" }, "See why, and appeal")),
  );
}

function door(action, path, autocomplete, isNew) {
  const way = h("a", { href: "/appeal", hidden: true }, "Appeal against it");
  const form = h(
    "form",
    { class: "door", "aria-label": action },
    h("h2", {}, isNew ? "New here?" : "Welcome back"),
    labelled(
      "Username",
      h("input", {
        name: "username",
        required: true,
        autocomplete: "username",
        maxlength: "50",
        autocapitalize: "none",
        spellcheck: "false",
      }),
    ),
    isNew &&
      labelled("Name to show (optional)", h("input", { name: "display_name", autocomplete: "name", maxlength: "100" })),
    labelled(
      "Password",
      h("input", {
        name: "password",
        type: "password",
        required: true,
        autocomplete,
        minlength: isNew ? "8" : null,
        maxlength: "256",
      }),
    ),
    h("p", { class: "wrong", role: "alert" }),
    way,
    h("button", {}, action),
  );
  submitting(form, async (values) => {
    if (!values.display_name) delete values.display_name;
    way.hidden = true;
    await enter(path, values).catch((error) => {
      if (error.code === "account_suspended") {
        error.hint = ""; // the way stands below
        entered = { ...values, why: error.message };
        way.hidden = false;
      }
      throw error;
    });
  });
  return form;
}

// --- news

const NEWS = {
  ready: () => catchUp(),
  new_tweet: (tweet) => live && live.offer([tweet]),
  tweet_deleted: ({ tweet_id: id }) => gone(id),
  tweet_moderated: relabel,
  counters: recount,
  notification: () => (location.pathname === "/notifications" && scrollY < 100 ? show() : countUnread()),
  reset: () => catchUp(),
  closing: ({ reason }) => reason === "account_suspended" && suspend(),
};

/** Show what moderators have just said of a tweet, and cover its media or show them. */
function relabel({ tweet_id: id, label }) {
  for (const body of document.querySelectorAll(`article[data-id="${CSS.escape(id)}"] > .body`)) {
    $(":scope > .standing", body).replaceWith(standing({ moderation: { label } }));
    const cover = $(":scope > .covered", body);
    const media = $(":scope > .shots, :scope > .film", body);
    if (cover && label !== "sensitive") cover.replaceWith(cover.lastElementChild);
    if (media && label === "sensitive") {
      const place = covered(null);
      media.replaceWith(place);
      place.append(media);
    }
  }
}

function gone(id) {
  const own = `[data-id="${CSS.escape(id)}"]`; // of a retweet the line has the id, of its original the card
  for (const node of document.querySelectorAll(`article${own}, li${own}`)) (node.closest("li") || node).remove();
  if (live) live.drop(id);
}

/** Fetch what the stream did not tell: at its start, and where it was away for too long; and counts as they are. */
async function catchUp() {
  const timeline = live;
  if (!timeline || !me()) return;
  const page = await get("/timeline/home?limit=30").catch(() => ({ tweets: [] }));
  if (timeline !== live) return;
  timeline.meet(page.tweets);
  for (const tweet of page.tweets) recount(tweet.retweeted_tweet || tweet);
}

async function follow() {
  await listen((event, data) => NEWS[event] && NEWS[event](data), shownTweets);
  for (;;) {
    await pause(POLL_MS); // this installation keeps no streams
    if (!document.hidden) await Promise.all([catchUp(), countUnread()]);
  }
}

// --- beside it

async function trendsNow() {
  const aside = $("#aside");
  try {
    const { trends } = await get("/trends?limit=8");
    const rows = trends.map((it) =>
      h(
        "li",
        {},
        h(
          "a",
          { href: searchPath(`#${it.name}`) },
          h("bdi", { class: "name" }, `#${it.name}`),
          h("span", { class: "soft" }, `${short(it.authors)} ${it.authors === 1 ? "person" : "people"} in an hour`),
        ),
      ),
    );
    aside.hidden = !rows.length;
    aside.replaceChildren(
      h(
        "section",
        { class: "panel" },
        h("h2", {}, "Trends now"),
        h("ol", {}, ...rows),
        h("a", { href: "/trends" }, "The whole board"),
      ),
    );
  } catch {
    aside.hidden = true; // not kept on this installation, or not now
  }
}

setInterval(() => document.hidden || trendsNow(), TRENDS_MS);

onSession(() => {
  countUnread();
  if (!me() && barred()) go("/appeal");
  else if (!me() || location.pathname === "/") go("/");
  else show();
});
show();
trendsNow();
countUnread();
follow();
