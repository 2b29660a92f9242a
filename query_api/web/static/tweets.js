// Tweets on a page: cards, the box to write one, and lists that grow at both ends.

import { $, confirmed, empty, failure, get, h, icon, me, Refused, send, short, toast, when, words } from "./core.js";

const HUES = 12;
const AT_TOP_PX = 120;
const CARDS_KEPT = 1_000; // then those that are gone from the page are forgotten
const MOST_SHOWN = 400; // of a list: a page may stay open for days
const CDN = document.querySelector("meta[name=media]").content;
const ENTITY = /(https?:\/\/[^\s<>"']+|[#＃][\p{L}\p{M}\p{N}_]+|[@＠][A-Za-z0-9_]{1,50})/gu;

// --- parts of a card

/** A disc with the first letter of a name, in a colour of the account's own. */
export function avatar(user, size = "") {
  let hue = 0;
  for (const char of user.user_id) hue = (hue * 31 + char.charCodeAt(0)) % HUES;
  const letter = [...(user.display_name || user.username || "?")][0].toUpperCase();
  const kind = `avatar hue-${hue} ${size}`;
  const disc = h("span", { class: kind, "aria-hidden": "true" }, letter);
  if (!isOurs(user.profile_image_url)) return disc;
  const picture = { class: kind, src: user.profile_image_url, alt: "", width: 44, height: 44, loading: "lazy" };
  return h("img", { ...picture, decoding: "async", onerror: ({ target }) => target.replaceWith(disc) }); // deleted
}

/** Whether a picture may be shown: it is of this installation, or of its CDN. */
export function isOurs(url) {
  return Boolean(url) && (url.startsWith("/media/files/") || (CDN !== "" && url.startsWith(`${CDN}/media/files/`)));
}

export const profilePath = (username) => `/@${encodeURIComponent(username)}`;
export const searchPath = (query) => `/search?q=${encodeURIComponent(query)}`;

export function byline(user) {
  return h(
    "a",
    { class: "byline", href: profilePath(user.username) },
    h("bdi", { class: "name" }, user.display_name || user.username || "Somebody"),
    user.verified &&
      h("span", { class: "verified", title: "Verified" }, icon("check"), h("span", { class: "unseen" }, "verified")),
    h("span", { class: "handle" }, `@${user.username}`),
  );
}

/** The words of a tweet: what the server found in them becomes links, all else stays text. */
export function text(tweet) {
  const tags = new Set(tweet.hashtags.map((tag) => tag.toLowerCase()));
  const names = new Set(tweet.mentions.map((mention) => mention.username.toLowerCase()));
  const parts = tweet.content.split(ENTITY).map((part) => {
    const name = part.slice(1);
    if (/^[#＃]/.test(part) && tags.has(name.toLowerCase())) return h("a", { href: searchPath(`#${name}`) }, part);
    if (/^[@＠]/.test(part) && names.has(name.toLowerCase())) return h("a", { href: profilePath(name) }, part);
    return tweet.urls.find((url) => url === part) ? outside(part) : part;
  });
  return h("p", { class: "words", dir: "auto" }, ...parts);
}

function outside(address) {
  try {
    const url = new URL(address);
    if (url.protocol !== "https:" && url.protocol !== "http:") return address;
    const shown = address.replace(/^https?:\/\//, "");
    return h(
      "a",
      { href: url.href, rel: "noopener noreferrer nofollow ugc", target: "_blank" },
      shown.length > 40 ? `${shown.slice(0, 39)}…` : shown,
    );
  } catch {
    return address;
  }
}

// --- a card

const cards = new Map(); // tweet id → the states of its cards that are on the page

/** Return the card of a tweet. `reply` false: no box for an answer may be opened below it. */
export function card(tweet, { lead = false } = {}) {
  const shown = tweet.retweeted_tweet || tweet;
  const said = shown.content || ((shown.media || []).length ? "media" : "");
  const node = h(
    "article",
    {
      class: lead ? "card lead" : "card",
      "aria-label": `${shown.user.display_name}: ${said.slice(0, 80)}`,
      "data-id": shown.tweet_id,
    },
    tweet.retweeted_tweet &&
      h(
        "p",
        { class: "above" },
        icon("retweet"),
        h("a", { href: profilePath(tweet.user.username) }, h("bdi", {}, tweet.user.display_name)),
        " retweeted",
      ),
    h(
      "a",
      { class: "face", href: profilePath(shown.user.username), tabindex: "-1", "aria-hidden": "true" },
      avatar(shown.user),
    ),
    h(
      "div",
      { class: "body" },
      h(
        "header",
        {},
        byline(shown.user),
        h("a", { class: "moment", href: `/tweets/${shown.tweet_id}` }, when(shown.created_at)),
      ),
      shown.reply_to_tweet_id &&
        h("p", { class: "above" }, h("a", { href: `/tweets/${shown.reply_to_tweet_id}` }, "In reply")),
      standing(shown),
      shown.content && text(shown),
      gallery(shown),
      quoted(shown),
      actions(shown),
    ),
  );
  return node;
}

function quoted(tweet) {
  if (tweet.type !== "QUOTE_TWEET") return null;
  const inner = tweet.quoted_tweet;
  if (!inner) return h("p", { class: "quoted gone" }, "This tweet is not there any more.");
  return h(
    "div",
    { class: "quoted" },
    h(
      "header",
      {},
      byline(inner.user),
      h("a", { class: "moment", href: `/tweets/${inner.tweet_id}` }, when(inner.created_at)),
    ),
    standing(inner),
    inner.content && text(inner),
    gallery(inner),
  );
}

/** What moderators say of a tweet; the place is there for what they will say. */
export function standing({ tweet_id: id, user_id: author, moderation }) {
  const { hidden, label } = moderation || {};
  const own = hidden && me() && me().user_id === author;
  const gone = own ? "Hidden by moderators: only you see it." : "Hidden by moderators.";
  const said = hidden ? gone : label && `Labelled by moderators: ${label}`;
  const appeal = async () => (await import("./people.js")).appeal(id);
  const again = own && h("button", { type: "button", class: "plain", onclick: appeal }, "Appeal");
  return h("p", { class: "standing", hidden: !said }, said, again);
}

// --- images and videos

const medias = () => import("./media.js");

/** Images in a grid, or a video; their places have their size before they are there. */
function gallery(tweet) {
  const media = (tweet.media || []).filter((it) => isOurs(it.url));
  if (!media.length) return null;
  const images = media.map((it, at) => shot(media, it, at));
  const shown = media[0].type === "video" ? film(media[0]) : h("div", { class: `shots of-${media.length}` }, ...images);
  return tweet.moderation && tweet.moderation.label === "sensitive" ? covered(shown) : shown;
}

/** Media behind what has to be clicked first. */
export const covered = (shown) =>
  h("details", { class: "covered" }, h("summary", {}, "Sensitive media: show"), shown);

function shot(media, it, at) {
  const small = media.length === 1 || it.type === "gif" ? it.thumbnails.large : it.thumbnails.medium;
  const image = h("img", {
    src: it.type === "gif" && !matchMedia("(prefers-reduced-motion: reduce)").matches ? it.url : small.url,
    alt: it.alt_text || "Image without a description",
    width: it.width,
    height: it.height,
    loading: "lazy",
    decoding: "async",
  });
  image.style.backgroundColor = colour(it.blurhash);
  const open = () => medias().then(({ view }) => view(media, at));
  return h("button", { type: "button", class: "shot", "aria-haspopup": "dialog", onclick: open }, image);
}

function film(it) {
  const size = { class: "film", width: it.width, height: it.height, poster: it.poster && it.poster.url };
  const named = { "aria-label": it.alt_text || "Video without a description" };
  return h("video", { src: it.url, controls: true, preload: "none", playsinline: true, ...size, ...named });
}

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~";

/** The mean colour, which a blurhash begins with. */
function colour(blurhash) {
  let mean = 0;
  for (const digit of (blurhash || "").slice(2, 6)) mean = mean * 83 + DIGITS.indexOf(digit);
  return mean > 0 ? `#${mean.toString(16).padStart(6, "0")}` : "";
}

function actions(tweet) {
  const id = tweet.tweet_id;
  const state = {
    liked: tweet.liked,
    retweeted: tweet.retweeted,
    likes: tweet.likes_count,
    retweets: tweet.retweets_count,
    replies: tweet.replies_count,
    bookmarked: tweet.bookmarked,
    bookmarks: 0,
  };
  const reply = button("reply", () => open("reply", bar, tweet));
  const quote = button("quote", () => open("quote", bar, tweet));
  const bookmark = button("bookmark", () => toggle(state, id, "bookmarked", "bookmarks", "bookmark"));
  label(quote, "Quote this tweet", 0);
  const retweet = button("retweet", () => toggle(state, id, "retweeted", "retweets", "retweet"));
  const like = button("like", () => toggle(state, id, "liked", "likes", "like"));
  state.show = () => {
    label(reply, `Reply, ${state.replies}`, state.replies);
    label(retweet, `Retweet, ${state.retweets}`, state.retweets, state.retweeted);
    label(like, `Like, ${state.likes}`, state.likes, state.liked);
    label(bookmark, "Bookmark", 0, Boolean(state.bookmarked));
  };
  state.alive = () => bar.isConnected;
  state.show();
  remember(id, state);
  const own = me() && me().user_id === tweet.user_id;
  const bin = own && button("delete", () => remove(tweet, bar));
  const flag = me() && !own && button("report", () => report(tweet));
  if (bin) label(bin, "Delete this tweet", 0);
  if (flag) label(flag, "Report this tweet", 0);
  const all = [reply, retweet, like, quote, bookmark, bin, flag].filter(Boolean);
  const bar = h("div", { class: "actions", role: "group", "aria-label": "Actions" }, ...all);
  return bar;
}

function remember(id, state) {
  if (cards.size >= CARDS_KEPT) {
    for (const [other, states] of cards) if (!states.some((it) => it.alive())) cards.delete(other);
  }
  cards.set(id, [...(cards.get(id) || []).filter((it) => it.alive()), state]);
}

function button(kind, act) {
  return h("button", { type: "button", class: `act ${kind}`, onclick: act }, icon(kind), h("span", { class: "count" }));
}

function label(node, name, count, pressed) {
  node.setAttribute("aria-label", name);
  if (pressed !== undefined) node.setAttribute("aria-pressed", String(pressed));
  $(".count", node).textContent = count ? short(count) : "";
}

const turns = new Map(); // path → the command sent to it last: of two quick ones, the later one is done later

/** Send a command once the one before it to the same path is answered. */
export function sendInTurn(method, path) {
  const turn = (turns.get(path) || Promise.resolve()).catch(() => null).then(() => send(method, path));
  turns.set(path, turn);
  return turn.finally(() => turns.get(path) === turn && turns.delete(path));
}

/** Do or undo at once on the page, then on the server; what it refuses is taken back. */
async function toggle(state, id, flag, count, path) {
  if (!me()) return toast("Log in to do this.");
  const turn = (on) => {
    for (const it of cards.get(id) || [state]) {
      if (it[flag] !== on) it[count] += on ? 1 : -1;
      it[flag] = on;
      it.show();
    }
  };
  const on = !state[flag];
  turn(on);
  try {
    await sendInTurn(on ? "POST" : "DELETE", `/tweets/${id}/${path}`);
  } catch (error) {
    turn(!on);
    toast(words(error), "bad");
  }
}

/** Show counts that came with the stream. */
export function recount(counts) {
  for (const it of cards.get(counts.tweet_id) || []) {
    Object.assign(it, { likes: counts.likes_count, retweets: counts.retweets_count, replies: counts.replies_count });
    it.show();
  }
}

const MOST_WATCHED = 200; // by one stream

/** The tweets on the page: those in view, and all of which a stream can tell. */
export function shownTweets() {
  const nodes = [...document.querySelectorAll("article[data-id]")];
  const seen = nodes.filter((node) => {
    const { top, bottom } = node.getBoundingClientRect();
    return bottom > 0 && top < innerHeight;
  });
  const ids = (found) => [...new Set(found.map((node) => node.dataset.id))].slice(0, MOST_WATCHED);
  return { inView: ids(seen), all: ids([...seen, ...nodes]) };
}

/** Open a box to write below a tweet, in place of another one; close it where it is open. */
async function open(kind, bar, tweet) {
  if (!me()) return toast("Log in to do this.");
  const other = $(":scope > .composer", bar.parentElement);
  if (other) other.remove();
  if (other && other.dataset.kind === kind) return null;
  const { boxes } = await import("./compose.js");
  const box = boxes[kind](tweet, () => answered(tweet.tweet_id));
  box.dataset.kind = kind;
  bar.after(box);
  return $("textarea", box).focus();
}

function answered(id) {
  for (const it of cards.get(id) || []) {
    it.replies += 1;
    it.show();
  }
}

async function report(tweet) {
  (await import("./people.js")).report({ tweet_id: tweet.tweet_id }, `this tweet of @${tweet.user.username}`);
}

async function remove(tweet, bar) {
  if (!(await confirmed("Delete this tweet?", "It goes from all timelines. This cannot be undone.", "Delete"))) return;
  try {
    await send("DELETE", `/tweets/${tweet.tweet_id}`);
    const item = bar.closest("li") || bar.closest("article");
    item.remove();
    toast("Deleted.");
  } catch (error) {
    toast(words(error), "bad");
  }
}

// --- lists

/** A list of tweets, newest first: pages below, news above. `load(maxId)` returns a page; `none()` stands if empty. */
export class Timeline {
  constructor(load, none, member = "tweets") {
    Object.assign(this, { load, none, member, next: null, waiting: [], hole: false, known: new Set() });
    this.list = h("ol", { class: "tweets" });
    this.news = h("button", { type: "button", class: "pill", hidden: true, onclick: () => this.reveal() });
    this.more = h(
      "button",
      { type: "button", class: "plain more", hidden: true, onclick: () => this.page() },
      "Show more",
    );
    this.state = h("div", { class: "state", "aria-live": "polite" });
    this.node = h(
      "section",
      { class: "timeline", "aria-label": "Tweets" },
      h("div", { class: "pill-place" }, this.news),
      this.list,
      this.state,
      this.more,
    );
    new IntersectionObserver(([it]) => it.isIntersecting && !this.more.hidden && this.page(), {
      rootMargin: "600px",
    }).observe(this.more);
    this.page();
  }

  async page() {
    if (this.busy) return;
    this.busy = true;
    this.more.hidden = true;
    const first = !this.list.childElementCount;
    this.state.replaceChildren(...(first ? [skeleton(), skeleton(), skeleton()] : []));
    try {
      const page = await this.load(this.next);
      this.list.append(...page[this.member].filter((it) => this.isNew(it)).map(item));
      this.next = page.next_max_id;
      this.more.hidden = !page.has_more;
      this.state.replaceChildren(...(this.list.childElementCount ? [] : [this.none()]));
    } catch (error) {
      if (!(error instanceof Refused)) console.error(error);
      this.state.replaceChildren(failure(error, () => this.page()));
    }
    this.busy = false;
  }

  isNew(tweet) {
    return !this.known.has(tweet.tweet_id) && Boolean(this.known.add(tweet.tweet_id));
  }

  /** Take news: shown at once where nobody is in the middle of reading, behind the pill else. */
  offer(tweets) {
    const fresh = tweets.filter((it) => this.isNew(it));
    if (!fresh.length) return;
    this.waiting = [...fresh, ...this.waiting].slice(0, MOST_SHOWN);
    const reading = scrollY > AT_TOP_PX || this.list.matches(":hover") || this.list.contains(document.activeElement);
    if (reading && this.list.childElementCount) {
      const count = this.waiting.length;
      const more = count === MOST_SHOWN ? "+" : "";
      this.news.textContent = `${count}${more} new ${count === 1 ? "tweet" : "tweets"}`;
      this.news.hidden = false;
    } else {
      this.show();
    }
  }

  /** Take the newest page: where it does not reach down to what is shown, that will make room. */
  meet(tweets) {
    if (tweets.length && this.known.size && !tweets.some((it) => this.known.has(it.tweet_id))) {
      [this.hole, this.waiting] = [true, []];
    }
    this.offer(tweets);
  }

  /** Forget a tweet that is gone. */
  drop(id) {
    this.waiting = this.waiting.filter((it) => it.tweet_id !== id);
  }

  /** Show at once what the reader has just written. */
  add(tweet) {
    if (this.isNew(tweet)) this.waiting = [tweet, ...this.waiting];
    this.show();
  }

  show() {
    const anew = this.hole || this.waiting.length === MOST_SHOWN; // a list has no hole
    if (anew) {
      this.list.replaceChildren();
      this.known = new Set(this.waiting.map((it) => it.tweet_id));
    }
    const oldestFirst = this.waiting.sort((one, other) => (one.tweet_id < other.tweet_id ? -1 : 1));
    for (const tweet of oldestFirst) this.insert(tweet);
    [this.hole, this.waiting] = [false, []];
    this.news.hidden = true;
    if (!this.list.childElementCount) return;
    this.state.replaceChildren();
    if (anew || this.list.childElementCount > MOST_SHOWN) this.cut();
  }

  /** Ids are in the order of time; what is older than all that is shown comes with its page. */
  insert(tweet) {
    const { firstElementChild: first, children } = this.list;
    const newest = !first || first.dataset.id < tweet.tweet_id;
    const below = newest ? first : [...children].find((it) => it.dataset.id < tweet.tweet_id);
    if (!below && first && this.next) this.known.delete(tweet.tweet_id);
    else this.list.insertBefore(item(tweet), below || null);
  }

  /** Let go of what is far below; it is a page again. */
  cut() {
    while (this.list.childElementCount > MOST_SHOWN) {
      this.known.delete(this.list.lastElementChild.dataset.id);
      this.list.lastElementChild.remove();
    }
    this.next = this.list.lastElementChild.dataset.id;
    this.more.hidden = false;
  }

  reveal() {
    this.show();
    scrollTo({ top: 0, behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    $("a.moment", this.list)?.focus({ preventScroll: true });
  }
}

const item = (tweet) => h("li", { "data-id": tweet.tweet_id }, card(tweet));
export const skeleton = () => h("div", { class: "skeleton", "aria-hidden": "true" }, h("i"), h("i"), h("i"));

/** Return a timeline over a path of the API. */
export function timelineOf(path, none, member = "tweets") {
  const joint = path.includes("?") ? "&" : "?";
  return new Timeline((maxId) => get(`${path}${joint}limit=30${maxId ? `&max_id=${maxId}` : ""}`), none, member);
}

export const nothing =
  (title, body, ...more) =>
  () =>
    empty(title, body, ...more);
