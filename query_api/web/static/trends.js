// The trend board: places, the live ranking of one, and a topic's history and tweets.

import { $, empty, failure, get, h, pause, words } from "./core.js";
import { bars, people, redraw, spark, tweets } from "./charts.js";
import { card, skeleton } from "./tweets.js";

const EVERY_MS = 5_000; // as long as a board is kept
const WORLD = 1;
const ROWS = 20;
const TIME = new Intl.DateTimeFormat("en", { timeStyle: "medium", hourCycle: "h23" });
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const RANGES = [
  { label: "24 hours", query: "step=hour&hours=24", stepMs: HOUR_MS, count: 24 },
  { label: "3 days", query: "step=hour&hours=72", stepMs: HOUR_MS, count: 72 },
  { label: "30 days", query: "step=day&days=30", stepMs: DAY_MS, count: 30 },
];

const main = $("#main");
const at = () => new URLSearchParams(location.search);
const place = () => Number(at().get("woeid")) || WORLD;
const topic = () => at().get("topic") || "";

const list = h("ol", { class: "ranking" });
const state = h("div", { class: "state" }, skeleton(), skeleton(), skeleton());
const moment = h("p", { class: "soft live", role: "status" });
const choice = h("select", { "aria-label": "Place" }, h("option", { value: WORLD }, "World"));
const detail = h("section", { class: "detail", "aria-label": "Topic", "aria-live": "off" });
const rows = new Map(); // name of a topic → the parts of its row

document.title = "Trends · Murmuration";
main.append(
  h(
    "div",
    { class: "heading" },
    h("h1", {}, "Trends"),
    h("label", { class: "place" }, h("span", { class: "unseen" }, "Place"), choice),
  ),
  h(
    "div",
    { class: "split" },
    h(
      "section",
      { "aria-label": "Ranking" },
      h(
        "div",
        { class: "columns soft", "aria-hidden": "true" },
        h("span", {}, "#"),
        h("span", {}, "Topic"),
        h("span", {}, "24 hours"),
        h("span", {}, "× usual"),
      ),
      list,
      state,
      moment,
    ),
    detail,
  ),
);

// --- addresses

function address(changes) {
  const asked = at();
  for (const [name, value] of Object.entries(changes)) value ? asked.set(name, value) : asked.delete(name);
  return `/trends${asked.size ? `?${asked}` : ""}`;
}

function go(changes) {
  history.pushState(null, "", address(changes));
  if ("woeid" in changes) refresh();
  showTopic();
}

addEventListener("popstate", () => {
  choice.value = place();
  refresh();
  showTopic();
});
choice.addEventListener("change", () => go({ woeid: choice.value, topic: "" }));

// --- places

async function fillPlaces() {
  const { places } = await get("/trends/places");
  const below = new Map();
  for (const it of places) below.set(it.parent, [...(below.get(it.parent) || []), it]);
  const byName = (one, other) => one.name.localeCompare(other.name);
  const options = places
    .filter((it) => it.parent === WORLD && it.woeid !== WORLD)
    .sort(byName)
    .map((country) => {
      const inside = (below.get(country.woeid) || []).sort(byName);
      return h(
        "optgroup",
        { label: country.name },
        h("option", { value: country.woeid }, country.name),
        ...inside.map((city) => h("option", { value: city.woeid }, `${city.name}, ${country.country}`)),
      );
    });
  choice.append(...options);
  choice.value = place();
}

// --- the ranking

async function refresh() {
  const asked = place();
  try {
    const board = await get(`/trends?woeid=${asked}&limit=${ROWS}`);
    if (asked !== place()) return;
    rank(board.trends);
    moment.textContent = `Live · ${board.place}, ${TIME.format(new Date(board.as_of))}`;
    moment.classList.remove("bad");
  } catch (error) {
    moment.classList.add("bad");
    moment.textContent = rows.size ? `Not live: ${words(error)}` : "";
    if (!rows.size) state.replaceChildren(failure(error, refresh));
  }
}

/** Bring the rows into the order of the ranking; those that stay glide to their places. */
function rank(trends) {
  const before = new Map([...rows].map(([name, row]) => [name, row.item.offsetTop]));
  const kept = new Set(trends.map((trend) => trend.name));
  for (const [name, row] of rows) {
    if (!kept.has(name)) {
      row.item.remove();
      rows.delete(name);
    }
  }
  trends.forEach((trend, index) => {
    const row = rows.get(trend.name) || newRow(trend);
    rows.set(trend.name, row);
    update(row, trend, index + 1);
    if (list.children[index] !== row.item) list.insertBefore(row.item, list.children[index] || null);
  });
  for (const [name, row] of rows) glide(row.item, before.get(name));
  state.replaceChildren(
    ...(trends.length
      ? []
      : [
          empty(
            "Nothing trends here just now",
            "A topic trends when more people talk about it than its own past lets expect. Another place may have some.",
          ),
        ]),
  );
  mark();
}

function glide(item, from) {
  const by = from === undefined ? 0 : from - item.offsetTop;
  if (!by || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  item.animate([{ transform: `translateY(${by}px)` }, { transform: "none" }], { duration: 350, easing: "ease-out" });
}

function newRow(trend) {
  const rank = h("span", { class: "rank number" });
  const change = h("span", { class: "change" });
  const name = h("bdi", { class: "name" }, `#${trend.name}`);
  const facts = h("span", { class: "soft" });
  const line = spark([], "");
  const velocity = h("span", { class: "velocity number" });
  const link = h(
    "a",
    { href: address({ topic: trend.name }) },
    h("span", { class: "place-of" }, rank, change),
    h("span", { class: "what" }, name, facts),
    line,
    velocity,
  );
  link.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go({ topic: trend.name });
    scrollTo(0, 0);
  });
  return { item: h("li", {}, link), link, rank, change, facts, line, velocity };
}

function update(row, trend, rank) {
  const hours = trend.hours || [];
  put(row.rank, String(rank));
  put(row.facts, `${people(trend.authors)} · ${tweets(trend.tweet_volume)}`);
  put(row.velocity, `${trend.velocity >= 10 ? Math.round(trend.velocity) : trend.velocity.toFixed(1)}×`);
  redraw(row.line, hours, `People by the hour: ${hours.join(", ")}`);
  const [kind, shown, said] = movement(trend.rank_change);
  row.change.className = `change ${kind}`;
  put(row.change, shown);
  row.change.setAttribute("aria-label", said);
}

function movement(change) {
  if (change === null) return ["new", "new", "new"];
  if (change > 0) return ["up", `▲${change}`, `up ${change}`];
  if (change < 0) return ["down", `▼${-change}`, `down ${-change}`];
  return ["same", "–", "unchanged"];
}

function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function mark() {
  for (const [name, row] of rows) {
    if (name === topic()) row.link.setAttribute("aria-current", "true");
    else row.link.removeAttribute("aria-current");
  }
}

// --- a topic

let [, range] = RANGES;

async function showTopic() {
  const name = topic();
  mark();
  document.body.classList.toggle("has-topic", Boolean(name));
  if (!name) {
    detail.replaceChildren(empty("Choose a topic", "Its history and its best tweets appear here."));
    return;
  }
  document.title = `#${name} · Trends · Murmuration`;
  const ranges = h(
    "div",
    { class: "ranges", role: "group", "aria-label": "How far back" },
    ...RANGES.map((it) =>
      h(
        "button",
        { type: "button", class: "plain", "aria-pressed": String(it === range), onclick: () => choose(it) },
        it.label,
      ),
    ),
  );
  const now = h("p", { class: "soft" }, " ");
  const chart = h("div", { class: "chart-place" });
  const best = h("div", { class: "tweets-place" }, skeleton(), skeleton());
  const back = h("a", { class: "back", href: address({ topic: "" }) }, "‹ All topics");
  back.addEventListener("click", (event) => {
    event.preventDefault();
    go({ topic: "" });
  });
  detail.replaceChildren(
    back,
    h("div", { class: "row spread wrap" }, h("h2", {}, h("bdi", {}, `#${name}`)), ranges),
    now,
    chart,
    h(
      "div",
      { class: "row spread" },
      h("h3", {}, "Top tweets"),
      h("a", { href: `/search?q=${encodeURIComponent(`#${name}`)}` }, "All of them"),
    ),
    best,
  );
  await Promise.all([drawHistory(chart, name), drawTweets(best, now, name)]);
}

function choose(it) {
  range = it;
  showTopic();
}

async function drawHistory(node, name) {
  try {
    const found = await get(`/trends/history?topic=${encodeURIComponent(name)}&woeid=${place()}&${range.query}`);
    node.replaceChildren(bars(found.points, { ...range, until: Date.now(), name: `#${name}` }));
  } catch (error) {
    node.replaceChildren(failure(error, () => drawHistory(node, name)));
  }
}

async function drawTweets(node, now, name) {
  try {
    const found = await get(`/trends/topics/${encodeURIComponent(name)}?woeid=${place()}&limit=5`);
    const of = found.now;
    now.textContent = of
      ? `${found.place}: ${people(of.authors)} in the last hour, ${of.velocity.toFixed(1)} times as many as usual.`
      : `${found.place}: less than two people in the last hour.`;
    const rows = found.tweets.map((it) => h("li", {}, card(it)));
    node.replaceChildren(
      rows.length
        ? h("ol", { class: "tweets" }, ...rows)
        : empty("No tweets", "Nobody has said anything about it for two days."),
    );
  } catch (error) {
    node.replaceChildren(failure(error, () => drawTweets(node, now, name)));
  }
}

async function follow() {
  for (;;) {
    if (!document.hidden) await refresh();
    await pause(EVERY_MS);
  }
}

fillPlaces().catch(() => null); // the ranking tells what is wrong
showTopic();
follow();
