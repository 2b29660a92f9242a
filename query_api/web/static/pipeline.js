// The pipeline board: how far each projection is behind the log, how fast it goes, and when it will be there.

import { $, failure, get, h, pause, short, words } from "./core.js";
import { redraw, spark } from "./charts.js";

const EVERY_MS = 1_000;
const SAMPLES = 60;
const RATE_OVER = 5; // samples: one second says little about batches

const WHAT = {
  accounts: "profiles and names",
  tweets: "tweets by id, author, parent",
  graph: "who follows, blocks, mutes whom",
  engagement: "likes, retweets, counts",
  home_timeline: "home timelines, pushed",
  search: "words of tweets and names",
  trends: "topics by place and hour",
  notifications: "what concerns whom",
  media: "images and videos, and where they are",
  moderation: "cases, reports, the audit",
  spam: "scores of authors",
};

const main = $("#main");
const sum = h("dl", { class: "sums" });
const body = h("tbody", {});
const state = h("div", { class: "state" });
const live = h("p", { class: "soft live", role: "status" });
const replay = h("section", { class: "replays", "aria-label": "Replays" });
const rows = new Map();

document.title = "Pipeline · Murmuration";
const columns = ["Projection", "Lag", "Behind", "Time to zero", "Rate", "Last minute", "Generation", "Dead letters"];
main.append(
  h("div", { class: "heading" }, h("h1", {}, "Pipeline"), live),
  sum,
  h(
    "table",
    { class: "projections" },
    h("caption", { class: "unseen" }, "Projections"),
    h("thead", {}, h("tr", {}, ...columns.map((name) => h("th", { scope: "col" }, name)))),
    body,
  ),
  state,
  replay,
);

const facts = {};
for (const [key, name] of [
  ["state", "Pipeline"],
  ["events", "Events on the log"],
  ["rate", "Events a second"],
  ["lag", "Waiting to be applied"],
]) {
  facts[key] = h("dd", { class: "number" }, "–");
  sum.append(h("div", {}, h("dt", { class: "soft" }, name), facts[key]));
}

function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// --- numbers out of two looks

class Track {
  constructor() {
    this.samples = []; // [when, events applied, events that wait]
    this.rates = [];
  }

  take(when, applied, waiting) {
    const last = this.samples.at(-1);
    if (last && applied < last[1]) this.samples = []; // it began anew
    this.samples.push([when, applied, waiting]);
    this.samples = this.samples.slice(-RATE_OVER - 1);
    this.rates = [...this.rates, this.rate].slice(-SAMPLES);
  }

  get rate() {
    return this.#change(1);
  }

  /** Seconds until nothing waits, at the present pace; Infinity where it does not get less. */
  get left() {
    const waiting = this.samples.at(-1)[2];
    if (!waiting) return 0;
    const drain = -this.#change(2);
    return drain > 0 ? waiting / drain : Infinity;
  }

  #change(field) {
    const [first, last] = [this.samples[0], this.samples.at(-1)];
    return first === last ? 0 : ((last[field] - first[field]) * 1000) / (last[0] - first[0]);
  }
}

const log = new Track();

// --- rows

function rowOf(name) {
  const cell = (label, kind = "number") => h("td", { "data-label": label, class: kind });
  const parts = {
    status: h("span", { class: "status", "aria-hidden": "true" }),
    word: h("span", { class: "unseen" }),
    lag: cell(columns[1]),
    behind: cell(columns[2]),
    left: cell(columns[3]),
    rate: cell(columns[4]),
    line: spark([], ""),
    generation: cell(columns[6]),
    letters: cell(columns[7]),
    track: new Track(),
  };
  parts.row = h(
    "tr",
    {},
    h(
      "th",
      { scope: "row" },
      h(
        "div",
        {},
        parts.status,
        h(
          "div",
          {},
          h("p", { class: "name" }, name.replace("_", " ")),
          parts.word,
          h("p", { class: "soft" }, WHAT[name] || ""),
        ),
      ),
    ),
    parts.lag,
    parts.behind,
    parts.left,
    parts.rate,
    h("td", { "data-label": columns[5], class: "picture" }, parts.line),
    parts.generation,
    parts.letters,
  );
  body.append(parts.row);
  rows.set(name, parts);
  return parts;
}

function update(it, when) {
  const row = rows.get(it.projection) || rowOf(it.projection);
  const applied = it.partitions.reduce((total, part) => total + Math.min(part.position, part.end), 0);
  row.track.take(when, applied, it.lag_events);
  const [kind, word] = statusOf(it, row.track);
  row.status.className = `status ${kind}`;
  put(row.word, `, ${word}. `);
  put(row.lag, count(it.lag_events, "event"));
  put(row.behind, `${seconds(it.lag_seconds)}`);
  put(row.left, it.lag_events ? duration(row.track.left) : "caught up");
  put(row.rate, `${short(Math.round(row.track.rate))}/s`);
  put(row.generation, String(it.generation));
  put(row.letters, it.dead_letters === undefined ? "–" : short(it.dead_letters));
  row.letters.classList.toggle("bad", it.dead_letters > 0);
  redraw(row.line, row.track.rates, `Events a second, now ${Math.round(row.track.rate)}`);
}

function statusOf(it, track) {
  if (!it.ready) return ["away", "not there"];
  if (it.lag_events && it.lag_seconds > 1)
    return track.left === Infinity ? ["stuck", "falling behind"] : ["busy", "catching up"];
  return ["good", "caught up"];
}

const count = (number, what) => `${short(number)} ${number === 1 ? what : `${what}s`}`;
const seconds = (number) => (number < 10 ? `${number.toFixed(1)} s` : duration(number));

function duration(number) {
  if (number === Infinity) return "never, at this pace";
  if (number < 90) return `${Math.max(1, Math.round(number))} s`;
  if (number < 5400) return `${Math.round(number / 60)} min`;
  return `${(number / 3600).toFixed(1)} h`;
}

// --- looks

async function look() {
  const { projections } = await get("/projections", { prefix: "" });
  const when = performance.now();
  const ends = new Map(
    projections.flatMap((it) => it.partitions.map((part) => [`${part.topic}/${part.partition}`, part.end])),
  );
  log.take(
    when,
    [...ends.values()].reduce((total, end) => total + end, 0),
    0,
  );
  for (const it of projections) update(it, when);
  const waiting = Math.max(0, ...projections.map((it) => it.lag_events));
  const away = projections.filter((it) => !it.ready).length;
  put(facts.state, away ? `${away} not there` : waiting > 100 ? "Catching up" : "In order");
  facts.state.className = away ? "bad" : waiting > 100 ? "warn" : "good";
  put(facts.events, short(log.samples.at(-1)[1]));
  put(facts.rate, short(Math.round(log.rate)));
  put(facts.lag, short(waiting));
  showBuilds(projections);
}

const isOf = (replay, generation) => Boolean(replay && replay.running && replay.generation === generation);
const share = (replay, generation) => (isOf(replay, generation) && replay.total ? replay.done / replay.total : null);

/** How far a replay that runs is with a generation, in words. */
function going(replay, generation) {
  if (!isOf(replay, generation)) return "";
  const percent = Math.floor(100 * (share(replay, generation) || 0));
  const left = replay.seconds_left === null ? "" : `, ${Math.ceil(replay.seconds_left)} s left`;
  return replay.phase === "load"
    ? `: ${percent} %, ${short(Math.round(replay.records_per_second))} records/s${left}`
    : `: ${replay.phase}`;
}

/** Builds of projections beside those that are read: replays that run, and what came of them. */
function showBuilds(projections) {
  const builds = projections.flatMap((it) =>
    (it.generations || [])
      .filter((one) => one.generation !== it.active)
      .map((one) => ({
        of: it.projection,
        ...one,
        going: going(it.replay, one.generation),
        share: share(it.replay, one.generation),
      })),
  );
  const shown = JSON.stringify(builds);
  if (replay.dataset.shown === shown) return;
  replay.dataset.shown = shown;
  const lines = builds.map((one) =>
    h(
      "li",
      {},
      h("span", {
        class: `status ${one.state === "building" ? "busy" : one.state === "failed" ? "away" : "good"}`,
        "aria-hidden": "true",
      }),
      h("b", { class: "name" }, one.of.replace("_", " ")),
      ` generation ${one.generation}, ${one.state}`,
      one.verified === null ? "" : one.verified ? ", verified" : ", found wrong",
      one.going,
      one.share === null ? null : h("progress", { max: "1", value: one.share, "aria-label": `Replay of ${one.of}` }),
    ),
  );
  replay.replaceChildren(
    h("h2", {}, "Replays"),
    lines.length
      ? h("ul", { class: "builds" }, ...lines)
      : h("p", { class: "soft" }, "No projection is being rebuilt."),
  );
}

async function follow() {
  for (;;) {
    if (!document.hidden) {
      try {
        await look();
        state.replaceChildren();
        live.classList.remove("bad");
        put(live, "Live, every second");
      } catch (error) {
        live.classList.add("bad");
        put(live, rows.size ? `Not live: ${words(error)}` : "");
        if (!rows.size) state.replaceChildren(failure(error));
      }
    }
    await pause(EVERY_MS);
  }
}

follow();
