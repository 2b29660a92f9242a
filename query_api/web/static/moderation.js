// The moderators' page: the queue, a case with what can be done about it, topics that must not trend, what was done.
// Loaded when first asked for.

import {
  empty,
  failure,
  get,
  h,
  heading,
  labelled,
  may,
  me,
  put,
  send,
  staying,
  submitting,
  toast,
  when,
  whole,
  words,
} from "./core.js";
import { avatar, byline, card, skeleton } from "./tweets.js";

const REASONS = "spam abuse hate violence self_harm sexual impersonation misinformation other".split(" ");
const FILTERS = {
  status: Object.entries({ open: "Open", appealed: "Appealed", decided: "Decided", "": "All" }),
  kind: Object.entries({ "": "Anything", tweet: "Tweets", account: "Accounts" }),
  reason: [["", "Any reason"], ...REASONS.map((it) => [it, said(it)])],
  held: Object.entries({ any: "Anybody", me: "Me", nobody: "Nobody" }),
};
const NAMES = { status: "State", kind: "About", reason: "Reported for", held: "Held by" };
const ACTIONS = {
  dismiss: "Dismiss: nothing is wrong",
  hide: "Hide the tweet",
  label: "Label the tweet",
  limit: "Limit the reach",
  suspend: "Suspend the account",
  restore: "Restore: take it all back",
};
const OF_TWEETS = ["hide", "label"];
const LABELS = ["sensitive", "misleading", "satire", "bot"];
const PAGE = 30;

function said(name) {
  const plain = name.replace(/_/g, " ");
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}

/** Show what the address says: the queue, a case, the topics or the audit; `again` shows it anew. */
export function moderation(again) {
  if (!may("moderate")) {
    const hint = "Whoever has become one since logs in anew.";
    return put("Moderation", heading("Moderation"), empty("This page is for moderators", hint));
  }
  const asked = new URLSearchParams(location.search);
  if (asked.has("case")) return oneCase(asked.get("case"), again);
  if (asked.get("view") === "topics") return topics();
  return asked.get("view") === "audit" ? audit() : queue(asked);
}

function tabs(here) {
  const tab = (name, href) => h("a", { href, "aria-current": name === here && "page" }, name);
  const all = [tab("Queue", "/moderation"), tab("Topics", "/moderation?view=topics")];
  all.push(tab("Audit", "/moderation?view=audit"));
  return heading("Moderation", h("div", { class: "tabs", role: "group", "aria-label": "Moderation" }, ...all));
}

// --- lists

/** Lines of a list that goes on by a cursor. */
function lines(path, member, line, none) {
  const list = h("ol", {});
  const state = h("div", { class: "state", "aria-live": "polite" }, skeleton(), skeleton());
  const more = h("button", { type: "button", class: "plain more", hidden: true }, "Show more");
  let cursor = "";
  const page = async () => {
    more.hidden = true;
    try {
      const found = await get(`${path}&limit=${PAGE}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
      list.append(...found[member].map(line));
      cursor = found.next_cursor;
      more.hidden = !found.has_more;
      state.replaceChildren(...(list.childElementCount ? [] : [none]));
    } catch (error) {
      state.replaceChildren(failure(error, page));
    }
  };
  more.addEventListener("click", page);
  page();
  return [list, state, more];
}

function queue(asked) {
  const chosen = {};
  for (const [name, [[first]]] of Object.entries(FILTERS)) chosen[name] = asked.get(name) ?? first;
  const place = h("div", {});
  const fill = () => {
    const none = empty("Nothing to do", "No case is like this.");
    const wanted = new URLSearchParams(Object.entries(chosen).filter(([name, value]) => value || name === "status"));
    place.replaceChildren(...lines(`/moderation/queue?${wanted}`, "cases", summary, none));
  };
  const filter = ([name, values]) => {
    const options = values.map(([value, text]) => h("option", { value, selected: chosen[name] === value }, text));
    const choose = (event) => {
      chosen[name] = event.target.value;
      history.replaceState(null, "", `/moderation?${new URLSearchParams(chosen)}`);
      fill();
    };
    return labelled(NAMES[name], h("select", { onchange: choose }, ...options));
  };
  put("Moderation", tabs("Queue"), h("div", { class: "filters" }, ...Object.entries(FILTERS).map(filter)), place);
  fill();
}

function summary(it) {
  const name = it.account.display_name || it.account.username || "Somebody";
  const about = it.kind === "tweet" ? "A tweet of " : "The account ";
  const path = `/moderation?case=${encodeURIComponent(it.case_id)}`;
  const title = h("b", {}, about, h("bdi", {}, name), ` @${it.account.username}`);
  const moment = h("span", { class: "soft" }, "in the queue since ", when(it.queued_at));
  return h("li", {}, h("a", { class: "case", href: path }, title, chips(it), moment));
}

function chips(it) {
  const chip = (text, kind = "") => h("span", { class: `chip ${kind}` }, text);
  const reasons = Object.entries(it.reasons).map(([name, count]) => chip(`${said(name)} ${count}`));
  return h(
    "span",
    { class: "chips" },
    chip(said(it.status), it.status === "decided" ? "" : "due"),
    it.held_by && chip(it.held_by === me().user_id ? "You hold it" : "Held by another"),
    it.spam && chip(`Spam score ${it.spam.score.toFixed(2)}`, "hot"),
    ...reasons,
    it.decision && chip(`Decided: ${[it.decision.action, it.decision.label].filter(Boolean).join(" ")}`),
  );
}

function audit() {
  const none = empty("Nothing was done yet", "");
  put("Moderation", tabs("Audit"), ...lines("/moderation/audit?", "audit", (it) => done(it, true), none));
}

/** One thing that was done, in words: the event's name and what is in it. */
function done(it, linked = false) {
  const name = said(it.did.replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase());
  const more = Object.entries(it.said)
    .filter(([, value]) => value !== null && value !== "" && typeof value !== "object")
    .map(([key, value]) => `${said(key).toLowerCase()}: ${value}`);
  const about = it.did === "TopicDenied" ? "view=topics" : `case=${encodeURIComponent(it.case_id)}`;
  const path = `/moderation?${about}`;
  const title = linked ? h("a", { href: path }, name) : h("b", {}, name);
  const head = h("span", {}, title, " ", when(it.at));
  return h("li", { class: "case" }, head, h("span", { class: "soft" }, more.join(", ")));
}

// --- topics that must not trend

function topics() {
  const list = h("div", { "aria-live": "polite" }, skeleton());
  const fill = async () => {
    try {
      const { topics: found } = await get("/moderation/trends");
      const none = empty("Every topic may trend", "What the setting trends_denied names is left out in any case.");
      list.replaceChildren(found.length ? h("ul", { class: "rows" }, ...found.map(topic)) : none);
    } catch (error) {
      list.replaceChildren(failure(error, fill));
    }
  };
  const rule = async (name, denied) => {
    await send("POST", "/moderation/trends", { topic: name, denied });
    await fill();
  };
  const topic = (name) => {
    const free = () => rule(name, false).catch((error) => toast(words(error), "bad"));
    const button = { type: "button", class: "plain", onclick: free, "aria-label": `Let #${name} trend again` };
    return h("li", {}, h("bdi", { class: "name" }, `#${name}`), h("button", button, "Let it trend again"));
  };
  const field = h("input", { name: "topic", required: true, maxlength: 281, autocomplete: "off" });
  const form = h("form", {}, labelled("A topic that must not trend", field), wrong(), go("Keep it out"));
  submitting(form, async (values) => {
    await rule(values.topic, true);
    form.reset();
  });
  const about = h("p", { class: "soft" }, "It may be written and found as ever; no ranking shows it from now on.");
  put("Moderation", tabs("Topics"), part("Keep out", about, form), part("Kept out of trends", list));
  fill();
}

// --- a case

async function oneCase(id, again) {
  const stays = staying();
  put("Case", heading("Case"), skeleton());
  try {
    const found = await get(`/moderation/cases/${encodeURIComponent(id)}`);
    if (stays()) show(found, again);
  } catch (error) {
    if (stays()) put("Case", tabs(""), failure(error, again));
  }
}

function show(found, again) {
  const act = (method, path, body) => acted(found, again, method, path, body);
  const mine = found.held_by === me().user_id;
  const parts = [
    tabs(""),
    h("section", { class: "setting", "aria-label": "Case" }, subject(found), chips(found), holding(found, mine, act)),
    mine && found.status !== "appealed" && deciding(found, act),
    found.appeal && appealed(found, mine, act),
    part("Reports", h("ol", {}, ...found.filed.map(filed)), found.filed.length === 0 && "Nobody reported it."),
    part("Notes for other moderators", noting(act)),
    part("What was done", h("ol", {}, ...found.audit.map((it) => done(it)))),
  ];
  put("Case", ...parts.filter(Boolean));
}

const part = (name, ...children) =>
  h("section", { class: "setting", "aria-label": name }, h("h2", {}, name), ...children.filter(Boolean));

function subject(found) {
  const { account } = found;
  const person = h("div", { class: "row" }, avatar(account), byline(account));
  const until = account.suspended_until ? ` until ${whole(account.suspended_until)}` : "";
  const reach = account.limited ? ", limited reach" : "";
  const stand = `${said(account.status.toLowerCase())}${until}, ${account.role}${reach}`;
  const parts = found.spam && Object.entries(found.spam.parts).map(([name, part]) => `${name} ${part.toFixed(2)}`);
  return h(
    "div",
    { class: "fill" },
    person,
    h("p", { class: "soft" }, stand),
    parts && h("p", { class: "soft" }, `Spam: ${parts.join(", ")}`),
    found.kind === "tweet" && !found.tweet && h("p", { class: "quoted gone" }, "The tweet is gone."),
    found.tweet && card(found.tweet),
    found.decision &&
      h("p", {}, `Decided: ${found.decision.action} ${found.decision.label || ""} ${found.decision.reason}`.trim()),
  );
}

function holding(found, mine, act) {
  if (found.held_by) {
    const name = mine ? "Let it go" : "Take it from who holds it";
    const free = () => act("DELETE", "claim").catch((error) => toast(words(error), "bad"));
    return h("div", { class: "row end" }, h("button", { type: "button", class: "plain", onclick: free }, name));
  }
  const take = () => act("POST", "claim").catch((error) => toast(words(error), "bad"));
  return h("div", { class: "row end" }, h("button", { type: "button", onclick: take }, "Take this case"));
}

/** Do something about a case, and show it anew. */
async function acted(found, again, method, path, body) {
  await send(method, `/moderation/cases/${found.case_id}/${path}`, body);
  again();
}

const wrong = () => h("p", { class: "wrong", role: "alert" });
const go = (name) => h("div", { class: "row end" }, h("button", {}, name));
const reason = () => h("input", { name: "reason", maxlength: 500 });

function deciding(found, act) {
  const actions = Object.entries(ACTIONS).filter(([name]) => found.kind === "tweet" || !OF_TWEETS.includes(name));
  const action = h("select", { name: "action" }, ...actions.map(([value, text]) => h("option", { value }, text)));
  const labels = h("select", { name: "label" }, ...LABELS.map((value) => h("option", { value }, said(value))));
  const days = h("input", { name: "days", type: "number", min: 1, max: 3650, placeholder: "Until it is restored" });
  const [label, long] = [labelled("Label", labels), labelled("For how many days", days)];
  const fit = () => {
    label.hidden = action.value !== "label";
    long.hidden = action.value !== "suspend";
  };
  action.addEventListener("change", fit);
  fit();
  const fields = [labelled("What is done", action), label, long, labelled("Why", reason())];
  const form = h("form", {}, ...fields, wrong(), go("Decide"));
  submitting(form, (values) => {
    const body = { action: values.action, reason: values.reason };
    if (values.action === "label") body.label = values.label;
    if (values.action === "suspend" && values.days) body.days = Number(values.days);
    return act("POST", "decision", body);
  });
  return part("Decide", form);
}

function appealed(found, mine, act) {
  const { text, at, upheld } = found.appeal;
  const quoted = h("blockquote", { class: "quoted", dir: "auto" }, text);
  const moment = h("p", { class: "soft" }, "asked ", when(at));
  if (upheld !== null) return part("Appeal", quoted, h("p", {}, upheld ? "The decision stands." : "It was undone."));
  if (found.decision.by === me().user_id)
    return part("Appeal", quoted, moment, h("p", { class: "soft" }, "Another moderator has to look at it."));
  if (!mine) return part("Appeal", quoted, moment, h("p", { class: "soft" }, "Who takes the case can answer it."));
  const options = [h("option", { value: "yes" }, "It stands"), h("option", { value: "" }, "Undo it")];
  const choice = labelled("The decision", h("select", { name: "upheld" }, ...options));
  const form = h("form", {}, choice, labelled("Why", reason()), wrong(), go("Answer the appeal"));
  const answer = ({ upheld: stands, reason: why }) => ({ upheld: stands === "yes", reason: why });
  submitting(form, (values) => act("POST", "appeal-decision", answer(values)));
  return part("Appeal", quoted, moment, form);
}

function filed(it) {
  const who = h("span", {}, h("b", {}, said(it.reason)), ` by @${it.reporter.username} `, when(it.at));
  return h("li", { class: "case" }, who, it.comment && h("span", { class: "words", dir: "auto" }, it.comment));
}

function noting(act) {
  const field = h("textarea", { name: "text", rows: 2, required: true, maxlength: 1000 });
  const form = h("form", {}, labelled("A note", field), wrong(), go("Leave the note"));
  submitting(form, (values) => act("POST", "notes", values));
  return form;
}
