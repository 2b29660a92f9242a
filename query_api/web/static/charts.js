// Small pictures of numbers, as SVG elements. Colours and sizes are the style sheet's.

import { h, s, short, whole } from "./core.js";

const SPARK = { width: 96, height: 28, pad: 2 };
const CHART = { width: 460, height: 200, left: 38, right: 6, top: 12, bottom: 26 };
const HOUR_MS = 3_600_000;

/** A line of numbers, oldest first; `text` says what it shows to those who do not see it. */
export function spark(values, text) {
  const svg = s("svg", {
    class: "spark",
    viewBox: `0 0 ${SPARK.width} ${SPARK.height}`,
    role: "img",
    preserveAspectRatio: "none",
  });
  svg.append(s("path", { class: "area" }), s("path", { class: "line" }), s("circle", { r: 2.2, class: "dot" }));
  redraw(svg, values, text);
  return svg;
}

/** Draw other numbers into a line that is there: nothing moves but the line. */
export function redraw(svg, values, text) {
  const [area, line, dot] = svg.children;
  const most = Math.max(1, ...values);
  const step = (SPARK.width - 2 * SPARK.pad - 2) / Math.max(1, values.length - 1);
  const at = (value, index) => [
    (SPARK.pad + index * step).toFixed(1),
    (SPARK.height - SPARK.pad - (value / most) * (SPARK.height - 3 * SPARK.pad)).toFixed(1),
  ];
  const points = values.map(at);
  const path = points.map(([x, y], index) => `${index ? "L" : "M"}${x} ${y}`).join("");
  const [last] = points.slice(-1);
  line.setAttribute("d", path);
  area.setAttribute("d", last ? `${path}L${last[0]} ${SPARK.height}L${points[0][0]} ${SPARK.height}Z` : "");
  dot.setAttribute("cx", last ? last[0] : 0);
  dot.setAttribute("cy", last ? last[1] : 0);
  svg.setAttribute("aria-label", text);
}

/**
 * Bars over `count` spans of time, each with a mark of what was expected. `points` have `at` (when a span began),
 * `authors`, `tweet_volume`, `expected`; spans without one count nothing. The figure has its numbers as a table.
 */
export function bars(points, { until, stepMs, count, name }) {
  const found = new Map(points.map((point) => [Math.floor(new Date(point.at) / stepMs), point]));
  const first = Math.floor(until / stepMs) - count + 1;
  const spans = Array.from({ length: count }, (_, index) => {
    const { authors = 0, tweet_volume: tweets = 0, expected = 0 } = found.get(first + index) || {};
    return { at: (first + index) * stepMs, authors, tweets, expected };
  });
  const most = nice(Math.max(4, ...spans.map((span) => Math.max(span.authors, span.expected))));
  const say = h("figcaption", { class: "soft", "aria-hidden": "true" }, "");
  const rest = `People who used ${name}, by the ${stepMs === HOUR_MS ? "hour" : "day"}; marks: what was expected`;
  say.textContent = rest;
  const svg = s("svg", {
    class: "chart",
    viewBox: `0 0 ${CHART.width} ${CHART.height}`,
    role: "img",
    "aria-label": rest,
  });
  svg.append(...grid(most), ...axis(spans, stepMs));
  const width = (CHART.width - CHART.left - CHART.right) / count;
  spans.forEach((span, index) => {
    const top = height(span.authors, most);
    const x = CHART.left + index * width;
    const bar = s("rect", {
      class: "bar",
      x: x + width * 0.12,
      y: top,
      width: Math.max(1, width * 0.76),
      height: base() - top,
      rx: Math.min(2, width / 4),
    });
    const hit = s("rect", { class: "hit", x, y: CHART.top, width, height: base() - CHART.top });
    hit.addEventListener("pointerenter", () => {
      const expected = `expected ${span.expected.toFixed(1)}`;
      say.textContent = `${moment(span.at, stepMs)}: ${people(span.authors)}, ${tweets(span.tweets)}; ${expected}`;
    });
    svg.append(bar, hit);
    if (span.tweets)
      svg.append(
        s("line", {
          class: "usual",
          x1: x,
          x2: x + width,
          y1: height(span.expected, most),
          y2: height(span.expected, most),
        }),
      );
  });
  svg.addEventListener("pointerleave", () => (say.textContent = rest));
  return h(
    "figure",
    { class: "history" },
    svg,
    say,
    table(
      spans.filter((span) => span.tweets),
      stepMs,
    ),
  );
}

const base = () => CHART.height - CHART.bottom;
const height = (value, most) => base() - (value / most) * (base() - CHART.top);
export const tweets = (count) => `${short(count)} ${count === 1 ? "tweet" : "tweets"}`;
export const people = (count) => `${short(count)} ${count === 1 ? "person" : "people"}`;

function moment(at, stepMs) {
  return stepMs === HOUR_MS
    ? whole(at)
    : new Date(at).toLocaleDateString("en", { day: "numeric", month: "short", timeZone: "UTC" });
}

/** The next number up that reads well on an axis, and half of it too. */
function nice(most) {
  const unit = 10 ** Math.floor(Math.log10(most));
  const steps = [1, 1.2, 1.6, 2, 2.4, 2.8, 3.2, 4, 5, 6, 8, 10].map((factor) => Math.round(factor * unit));
  return steps.find((it) => it >= most && it % 2 === 0) || 2 * Math.ceil(most / 2);
}

function grid(most) {
  return [0, 0.5, 1].flatMap((part) => {
    const y = height(most * part, most);
    return [
      s("line", { class: "rule", x1: CHART.left, x2: CHART.width - CHART.right, y1: y, y2: y }),
      s("text", { class: "tick", x: CHART.left - 8, y: y + 4, "text-anchor": "end" }, short(most * part)),
    ];
  });
}

function axis(spans, stepMs) {
  const width = (CHART.width - CHART.left - CHART.right) / spans.length;
  const every = Math.ceil(spans.length / 4);
  return spans.flatMap((span, index) => {
    if ((spans.length - 1 - index) % every || index < every / 2) return [];
    const day = new Date(span.at);
    const text =
      stepMs === HOUR_MS
        ? day.toLocaleString(
            "en",
            spans.length > 30
              ? { weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" }
              : { hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
          )
        : moment(span.at, stepMs);
    const x = CHART.left + (index + 0.5) * width;
    const end = x > CHART.width - 44;
    return [
      s(
        "text",
        {
          class: "tick",
          x: end ? CHART.width - CHART.right : x,
          y: CHART.height - 8,
          "text-anchor": end ? "end" : "middle",
        },
        text,
      ),
    ];
  });
}

function table(spans, stepMs) {
  const row = (tag, ...cells) => h("tr", {}, ...cells.map((cell) => h(tag, {}, cell)));
  return h(
    "details",
    {},
    h("summary", {}, "The numbers"),
    h(
      "table",
      {},
      h("thead", {}, row("th", "From", "People", "Expected", "Tweets")),
      h(
        "tbody",
        {},
        ...spans
          .reverse()
          .map((span) =>
            row("td", moment(span.at, stepMs), short(span.authors), span.expected.toFixed(1), short(span.tweets)),
          ),
      ),
    ),
  );
}
