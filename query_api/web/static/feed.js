// The feed: which page an address means, and what stands on it.

import { $, empty, enter, failure, get, h, icon, listen, me, onSession, pause, send, setUser, short, toast, when, words } from "./core.js";
import { avatar, byline, card, composer, nothing, profilePath, recount, searchPath, sendInTurn, shownTweets, skeleton, Timeline, timelineOf } from "./tweets.js";

const main = $("#main");
const POLL_MS = 3_000;
const TRENDS_MS = 30_000;
let live = null; // the timeline that news go to

// --- addresses

const ROUTES = [
  [/^\/$/, () => (me() ? home() : welcome())],
  [/^\/search$/, () => search(new URLSearchParams(location.search).get("q") || "")],
  [/^\/notifications$/, () => (me() ? notifications() : welcome())],
  [/^\/@([^/]+)$/, (name) => profile(decodeURIComponent(name))],
  [/^\/tweets\/([^/]+)$/, (id) => thread(id)],
];

function show() {
  live = null;
  const [pattern, view] = ROUTES.find(([it]) => it.test(location.pathname)) || ROUTES[0];
  const [, ...found] = location.pathname.match(pattern) || [];
  for (const link of document.querySelectorAll("nav a")) {
    if (link.pathname === location.pathname) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  view(...found);
}

let [heading1, unread] = ["", 0];

function put(title, ...children) {
  heading1 = title;
  retitle();
  main.replaceChildren(...children);
}

function retitle() {
  const count = unread ? `(${unread}) ` : "";
  document.title = count + (heading1 === "Murmuration" ? heading1 : `${heading1} · Murmuration`);
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

function home() {
  const timeline = timelineOf("/timeline/home", () => empty(
    "It is quiet here",
    "Follow some people and their tweets arrive here by themselves. What is going on now is a good place to start:",
    h("p", {}, h("a", { class: "button", href: "/trends" }, "See what trends"))));
  const box = composer({
    name: "What is going on?",
    action: "Tweet",
    post: (content) => send("POST", "/tweets", { content }),
    done: async (tweet) => timeline.add(await get(`/tweets/${tweet.tweet_id}`)),
  });
  box.classList.add("top");
  put("Home", heading("Home"), h("div", { class: "write" }, avatar(me()), box), timeline.node);
  live = timeline;
}

function heading(title, ...more) {
  return h("div", { class: "heading" }, h("h1", {}, title), ...more);
}

function search(query) {
  const field = h("input", { type: "search", name: "q", value: query, "aria-label": "Search", placeholder: "Words, #tags, @names, from:name", autocomplete: "off", maxlength: "500" });
  const form = h("form", { role: "search", class: "search", action: "/search" }, icon("search"), field);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (field.value.trim()) go(searchPath(field.value.trim()));
  });
  const found = h("div", {});
  put(query ? `Search: ${query}` : "Search", heading("Search"), form, found);
  if (!query) {
    found.append(empty("Find tweets and people", "Try a word, a #tag, from:name, \"an exact phrase\", -without, since:2026-01-31."));
    return field.focus();
  }
  const people = h("section", { class: "people", "aria-label": "People" });
  const tweets = timelineOf(`/search/tweets?q=${encodeURIComponent(query)}`, nothing("No tweet found", "Fewer words find more."));
  found.append(people, tweets.node);
  if (/^[\p{L}\p{N}_ @]+$/u.test(query)) {
    get(`/search/users?limit=5&q=${encodeURIComponent(query.replace("@", ""))}`)
      .then(({ users }) => people.append(...users.map(person)))
      .catch(() => null); // the tweets below tell what is wrong
  }
}

function person(user) {
  const followers = user.followers_count === undefined ? "" : `${short(user.followers_count)} followers`;
  return h("div", { class: "person" }, avatar(user), h("div", {}, byline(user), h("p", { class: "soft" }, followers)));
}

async function thread(id) {
  put("Tweet", heading("Tweet"), skeleton());
  try {
    const found = await get(`/tweets/${encodeURIComponent(id)}/thread?limit=50`);
    const replies = new Timeline(async (maxId) => {
      if (!maxId) return found;
      return get(`/tweets/${encodeURIComponent(id)}/replies?limit=50&max_id=${maxId}`);
    }, nothing("No replies yet"), "replies");
    const { tweet } = found;
    put(`${tweet.user.display_name}: ${tweet.content.slice(0, 40)}`, heading("Tweet"),
      h("div", { class: "ancestors" }, ...found.ancestors.map((it) => card(it))),
      card(tweet, { lead: true }), h("h2", { class: "part" }, "Replies"), replies.node);
  } catch (error) {
    put("Tweet", heading("Tweet"), failure(error, show));
  }
}

async function profile(name) {
  put(`@${name}`, heading(`@${name}`), skeleton());
  try {
    const user = await get(`/users/by-username/${encodeURIComponent(name)}`);
    const tweets = timelineOf(`/timeline/user/${user.user_id}`, nothing("No tweets yet", "What they say appears here."));
    put(`${user.display_name} (@${user.username})`, top(user), tweets.node);
  } catch (error) {
    put(`@${name}`, heading(`@${name}`), failure(error, show));
  }
}

function top(user) {
  const own = me() && me().user_id === user.user_id;
  const fact = (count, what) => h("span", {}, h("b", {}, short(count)), ` ${what}`);
  return h("section", { class: "profile", "aria-label": "Profile" },
    h("div", { class: "row spread" }, avatar(user, "large"), own ? editButton(user) : relation(user)),
    h("h1", {}, h("bdi", {}, user.display_name)),
    h("p", { class: "soft" }, `@${user.username}`, user.relation && user.relation.followed_by && h("span", { class: "chip" }, "follows you")),
    user.bio && h("p", { class: "words", dir: "auto" }, user.bio),
    user.location && h("p", { class: "soft" }, icon("place"), h("bdi", {}, user.location)),
    h("p", { class: "facts" }, fact(user.following_count, "following"), fact(user.followers_count, "followers"), fact(user.tweets_count, "tweets")));
}

function relation(user) {
  if (!me() || !user.relation) return null;
  let following = user.relation.following;
  const button = h("button", { type: "button", class: "follow" });
  const label = () => {
    button.textContent = following ? "Following" : "Follow";
    button.setAttribute("aria-pressed", String(following));
  };
  button.addEventListener("click", async () => {
    following = !following;
    label();
    try {
      await sendInTurn(following ? "POST" : "DELETE", `/users/${user.user_id}/follow`);
    } catch (error) {
      following = !following;
      label();
      toast(words(error), "bad");
    }
  });
  label();
  return button;
}

function editButton(user) {
  return h("button", { type: "button", class: "plain", onclick: () => edit(user) }, "Edit profile");
}

function edit(user) {
  const field = (name, label, max) => labelled(label, h("input", { name, value: user[name], maxlength: max, dir: "auto" }));
  const form = h("form", {}, h("h2", {}, "Your profile"), field("display_name", "Name", 100), field("bio", "About you", 160), field("location", "Where you are (for trends)", 100),
    h("p", { class: "wrong", role: "alert" }),
    h("div", { class: "row end" }, h("button", { type: "button", class: "plain", onclick: () => dialog.close() }, "Cancel"), h("button", {}, "Save")));
  const dialog = h("dialog", { "aria-label": "Edit profile", onclose: () => dialog.remove() }, form);
  submitting(form, async (values) => {
    setUser(await send("PATCH", "/users/me", values));
    dialog.close();
    show();
  });
  document.body.append(dialog);
  dialog.showModal();
}

// --- notifications

const DID = {
  mention: "mentioned you", reply: "replied to you", quote: "quoted you", like: "liked your tweet",
  retweet: "retweeted you", follow: "followed you",
};
const ICONS = { mention: "reply", reply: "reply", quote: "retweet", like: "like", retweet: "retweet", follow: "person" };

async function notifications() {
  const list = h("ol", { class: "notices" });
  const state = h("div", { class: "state" }, skeleton(), skeleton());
  const more = h("button", { type: "button", class: "plain more", hidden: true }, "Show more");
  put("Notifications", heading("Notifications"), list, state, more);
  let cursor = "";
  const page = async () => {
    more.hidden = true;
    try {
      const found = await get(`/notifications?limit=30${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
      list.append(...found.notifications.map(notice));
      cursor = found.next_cursor;
      more.hidden = !found.has_more;
      state.replaceChildren(...(list.childElementCount ? [] : [empty("Nothing yet", "Mentions, replies, likes and new followers appear here.")]));
      const [newest] = found.notifications;
      if (newest && !newest.read) await send("POST", "/notifications/read", { up_to: newest.created_at });
      await countUnread();
    } catch (error) {
      state.replaceChildren(failure(error, page));
    }
  };
  more.addEventListener("click", page);
  await page();
}

function notice(it) {
  const [first] = it.actors;
  const others = it.actors_count - 1;
  const who = [h("a", { href: profilePath(first.username) }, h("bdi", {}, first.display_name))];
  if (others) who.push(` and ${others}${it.actors_more ? "+" : ""} ${others === 1 && !it.actors_more ? "other" : "others"}`);
  const about = it.tweet && h("a", { class: "excerpt", href: `/tweets/${it.tweet.tweet_id}`, dir: "auto" }, it.tweet.content);
  return h("li", { class: it.read ? "notice" : "notice fresh" }, h("span", { class: `kind ${it.kind}` }, icon(ICONS[it.kind] || "bell")),
    h("div", { class: "body" },
      h("div", { class: "faces" }, ...it.actors.slice(0, 6).map((user) => avatar(user, "small"))),
      h("p", {}, ...who, ` ${DID[it.kind] || it.kind} `, h("span", { class: "soft" }, when(it.created_at)), !it.read && h("span", { class: "unseen" }, " (new)")),
      about));
}

async function countUnread() {
  const badge = $("#unread");
  try {
    const { unread_count: count, more } = await get("/notifications/unread_count");
    badge.hidden = !count;
    badge.textContent = `${count}${more ? "+" : ""}`;
    badge.setAttribute("aria-label", `${count} unread`);
    unread = count;
  } catch {
    badge.hidden = true; // not kept, or not now
    unread = 0;
  }
  retitle();
}

// --- who is not signed in

function welcome() {
  put("Murmuration",
    h("section", { class: "hero" },
      h("h1", {}, "What the flock is talking about"),
      h("p", {}, "A small social feed that shows how it works: every tweet is an event on a log, every page a view of it.")),
    h("div", { class: "doors" }, door("Sign up", "/auth/register", "new-password", true), door("Log in", "/auth/login", "current-password", false)));
}

function door(action, path, autocomplete, isNew) {
  const form = h("form", { class: "door", "aria-label": action },
    h("h2", {}, isNew ? "New here?" : "Welcome back"),
    labelled("Username", h("input", { name: "username", required: true, autocomplete: "username", maxlength: "50", autocapitalize: "none", spellcheck: "false" })),
    isNew && labelled("Name to show (optional)", h("input", { name: "display_name", autocomplete: "name", maxlength: "100" })),
    labelled("Password", h("input", { name: "password", type: "password", required: true, autocomplete, minlength: isNew ? "8" : null, maxlength: "256" })),
    h("p", { class: "wrong", role: "alert" }),
    h("button", {}, action));
  submitting(form, async (values) => {
    if (!values.display_name) delete values.display_name;
    await enter(path, values);
  });
  return form;
}

function labelled(text, input) {
  return h("label", {}, h("span", {}, text), input);
}

/** Send a form's fields; what is refused is said in the form. */
function submitting(form, act) {
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

// --- news

const NEWS = {
  ready: () => catchUp(),
  new_tweet: (tweet) => live && live.offer([tweet]),
  tweet_deleted: ({ tweet_id: id }) => gone(id),
  counters: recount,
  notification: () => (location.pathname === "/notifications" && scrollY < 100 ? notifications() : countUnread()),
  reset: () => catchUp(),
};

function gone(id) {
  for (const node of document.querySelectorAll(`article[data-id="${CSS.escape(id)}"]`)) (node.closest("li") || node).remove();
}

/** Fetch what the stream did not tell: at its start, and where it was away for too long; and counts as they are. */
async function catchUp() {
  const timeline = live;
  if (!timeline || !me()) return;
  const page = await get("/timeline/home?limit=30").catch(() => ({ tweets: [] }));
  if (timeline !== live) return;
  timeline.offer(page.tweets);
  for (const tweet of page.tweets) recount(tweet.retweeted_tweet || tweet);
}

async function follow() {
  await listen((event, data) => NEWS[event] && NEWS[event](data), shownTweets);
  for (;;) {
    await pause(POLL_MS); // this installation keeps no streams
    if (!document.hidden) await Promise.all([catchUp(), me() && countUnread()]);
  }
}

// --- beside it

async function trendsNow() {
  const aside = $("#aside");
  try {
    const { trends } = await get("/trends?limit=8");
    const rows = trends.map((it) => h("li", {}, h("a", { href: searchPath(`#${it.name}`) }, h("bdi", { class: "name" }, `#${it.name}`), h("span", { class: "soft" }, `${short(it.authors)} ${it.authors === 1 ? "person" : "people"} in an hour`))));
    aside.hidden = !rows.length;
    aside.replaceChildren(h("section", { class: "panel" }, h("h2", {}, "Trends now"), h("ol", {}, ...rows), h("a", { href: "/trends" }, "The whole board")));
  } catch {
    aside.hidden = true; // not kept on this installation, or not now
  }
}

setInterval(() => document.hidden || trendsNow(), TRENDS_MS);

onSession(() => {
  if (me()) countUnread();
  else unread = 0;
  if (!me() || location.pathname === "/") go("/");
  else show();
});
show();
trendsNow();
if (me()) countUnread();
follow();
