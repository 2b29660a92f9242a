// People: a profile, and what others did that concerns one. Loaded when it is first asked for.

import {
  countUnread,
  empty,
  failure,
  get,
  h,
  heading,
  icon,
  labelled,
  me,
  put,
  send,
  setUser,
  short,
  staying,
  submitting,
  toast,
  when,
  words,
} from "./core.js";
import {
  avatar,
  byline,
  isOurs,
  nothing,
  profilePath,
  sendInTurn,
  skeleton,
  Timeline,
  timelineOf,
} from "./tweets.js";

const SUGGESTED = 5;

/** Show a profile with its tweets; `again` shows it anew. */
export async function profile(name, again) {
  const stays = staying();
  put(`@${name}`, heading(`@${name}`), skeleton());
  try {
    const user = await get(`/users/by-username/${encodeURIComponent(name)}`);
    const tweets = timelineOf(
      `/timeline/user/${user.user_id}`,
      nothing("No tweets yet", "What they say appears here."),
    );
    if (stays()) put(`${user.display_name} (@${user.username})`, top(user, again), tweets.node);
  } catch (error) {
    if (stays()) put(`@${name}`, heading(`@${name}`), failure(error, again));
  }
}

function top(user, again) {
  const own = me() && me().user_id === user.user_id;
  const fact = (count, what) => h("span", {}, h("b", {}, short(count)), ` ${what}`);
  return h(
    "section",
    { class: "profile", "aria-label": "Profile" },
    isOurs(user.banner_image_url) &&
      h("img", { class: "banner", src: user.banner_image_url, alt: "", width: 1500, height: 500 }),
    h("div", { class: "row spread" }, avatar(user, "large"), own ? editButton(user, again) : relation(user, again)),
    h("h1", {}, h("bdi", {}, user.display_name)),
    h(
      "p",
      { class: "soft" },
      `@${user.username}`,
      user.relation && user.relation.followed_by && h("span", { class: "chip" }, "follows you"),
    ),
    user.bio && h("p", { class: "words", dir: "auto" }, user.bio),
    user.location && h("p", { class: "soft" }, icon("place"), h("bdi", {}, user.location)),
    h(
      "p",
      { class: "facts" },
      fact(user.following_count, "following"),
      fact(user.followers_count, "followers"),
      fact(user.tweets_count, "tweets"),
    ),
  );
}

/** What a reader may do about somebody: follow, and what one rather looks for than sees. */
function relation(user, again) {
  if (!me() || !user.relation) return null;
  const { following, muting, blocking } = user.relation;
  const less = h(
    "details",
    { class: "menu" },
    h("summary", {}, "More"),
    h(
      "div",
      {},
      toggle(user, "mute", muting, ["Mute", "Unmute"], again),
      toggle(user, "block", blocking, ["Block", "Unblock"], again),
      h(
        "button",
        { type: "button", class: "plain", onclick: () => report({ account_id: user.user_id }, `@${user.username}`) },
        "Report",
      ),
    ),
  );
  return h("div", { class: "row" }, less, !blocking && toggle(user, "follow", following, ["Follow", "Following"]));
}

/** A button that does something to somebody, or undoes it: on the page, then on the server; `named` among others. */
function toggle(user, what, on, names, done = () => null, named = false) {
  const button = h("button", { type: "button", class: what === "follow" ? "follow" : "plain" });
  const label = () => {
    button.textContent = names[Number(on)];
    if (named) button.setAttribute("aria-label", `${button.textContent} ${user.display_name}`);
    button.classList.toggle("on", on);
  };
  button.addEventListener("click", async () => {
    on = !on;
    label();
    try {
      await sendInTurn(on ? "POST" : "DELETE", `/users/${user.user_id}/${what}`);
      done();
    } catch (error) {
      on = !on;
      label();
      toast(words(error), "bad");
    }
  });
  label();
  return button;
}

/** A line about somebody; `more` stands at its end. */
export function person(user, ...more) {
  const followers = user.followers_count === undefined ? "" : `${short(user.followers_count)} followers`;
  return h(
    "div",
    { class: "person" },
    avatar(user),
    h("div", {}, byline(user), h("p", { class: "soft" }, followers)),
    ...more,
  );
}

/** Show who is worth following, of what trends: for those who follow nobody. `done` is called after a follow. */
export async function suggest(place, done) {
  const { trends } = await get("/trends?limit=3");
  const topics = await Promise.all(trends.map((it) => get(`/trends/topics/${encodeURIComponent(it.name)}?limit=10`)));
  const authors = new Map(topics.flatMap((it) => it.tweets.map((tweet) => [tweet.user_id, tweet.user])));
  const others = [...authors.values()].filter((user) => me() && user.user_id !== me().user_id).slice(0, SUGGESTED);
  if (!others.length) return;
  place.append(
    h("h3", {}, "People to follow"),
    ...others.map((user) => person(user, toggle(user, "follow", false, ["Follow", "Following"], done, true))),
  );
}

function editButton(user, again) {
  return h("button", { type: "button", class: "plain", onclick: () => edit(user, again) }, "Edit profile");
}

function edit(user, again) {
  const field = (name, label, max) =>
    labelled(label, h("input", { name, value: user[name], maxlength: max, dir: "auto" }));
  const form = h(
    "form",
    {},
    h("h2", {}, "Your profile"),
    field("display_name", "Name", 100),
    field("bio", "About you", 160),
    field("location", "Where you are (for trends)", 100),
    h("p", { class: "wrong", role: "alert" }),
    h(
      "div",
      { class: "row end" },
      h("button", { type: "button", class: "plain", onclick: () => dialog.close() }, "Cancel"),
      h("button", {}, "Save"),
    ),
  );
  const dialog = h("dialog", { "aria-label": "Edit profile", onclose: () => dialog.remove() }, form);
  submitting(form, async (values) => {
    setUser(await send("PATCH", "/users/me", values));
    dialog.close();
    again();
  });
  document.body.append(dialog);
  dialog.showModal();
}

// --- bookmarks

/** Show what somebody keeps, the newest first. */
export function bookmarks() {
  const load = async (cursor) => {
    const page = await get(`/bookmarks?limit=30${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
    return { ...page, next_max_id: page.next_cursor };
  };
  const none = nothing("No bookmarks yet", "The ribbon below a tweet keeps it here. Nobody else sees it.");
  put("Bookmarks", heading("Bookmarks"), new Timeline(load, none).node);
}

// --- reports

const WRONG = {
  spam: "Spam",
  abuse: "Abuse or harassment",
  hate: "Hate",
  violence: "Violence",
  self_harm: "Self-harm",
  sexual: "Sexual content",
  impersonation: "Impersonation",
  misinformation: "Misinformation",
  other: "Something else",
};
const COMMENT_CHARS = 500;
const APPEAL_CHARS = 1_000;

/** Ask what is wrong with a tweet or an account, and tell the moderators. */
export function report(subject, name) {
  const reasons = Object.entries(WRONG).map(([value, text]) => h("option", { value }, text));
  const fields = [
    labelled("What is wrong?", h("select", { name: "reason" }, ...reasons)),
    labelled("More about it (optional)", h("textarea", { name: "comment", rows: 3, maxlength: COMMENT_CHARS })),
  ];
  const about = `Moderators will look at ${name}. They see who reported it, others do not.`;
  asked("Report", about, fields, async (values) => {
    await send("POST", "/reports", { ...subject, ...values });
    toast("Thank you. Moderators will look at it.");
  });
}

/** Ask for another look at what moderators decided about one's own tweet. */
export function appeal(id) {
  const field = h("textarea", { name: "text", rows: 4, required: true, maxlength: APPEAL_CHARS });
  asked("Appeal", "You can ask once.", [labelled("Why is it wrong?", field)], async (values) => {
    await send("POST", "/moderation/appeals", { case_id: id, ...values });
    toast("Another moderator will look at it.");
  });
}

function asked(title, about, fields, act) {
  const form = h(
    "form",
    {},
    h("h2", {}, title),
    h("p", {}, about),
    ...fields,
    h("p", { class: "wrong", role: "alert" }),
    h(
      "div",
      { class: "row end" },
      h("button", { type: "button", class: "plain", onclick: () => dialog.close() }, "Cancel"),
      h("button", {}, "Send"),
    ),
  );
  const dialog = h("dialog", { "aria-label": title, onclose: () => dialog.remove() }, form);
  submitting(form, async (values) => {
    await act(values);
    dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
}

// --- notifications

const DID = {
  mention: "mentioned you",
  reply: "replied to you",
  quote: "quoted you",
  like: "liked your tweet",
  retweet: "retweeted you",
  follow: "followed you",
};
const ICONS = {
  mention: "reply",
  reply: "reply",
  quote: "retweet",
  like: "like",
  retweet: "retweet",
  follow: "person",
};

/** Show the notifications; what is shown is read. */
export async function notifications() {
  const stays = staying();
  const list = h("ol", { class: "notices" });
  const state = h("div", { class: "state" }, skeleton(), skeleton());
  const more = h("button", { type: "button", class: "plain more", hidden: true }, "Show more");
  put("Notifications", heading("Notifications"), list, state, more);
  let cursor = "";
  const page = async () => {
    more.hidden = true;
    try {
      const found = await get(`/notifications?limit=30${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
      if (!stays()) return;
      list.append(...found.notifications.map(notice));
      cursor = found.next_cursor;
      more.hidden = !found.has_more;
      state.replaceChildren(
        ...(list.childElementCount
          ? []
          : [empty("Nothing yet", "Mentions, replies, likes and new followers appear here.")]),
      );
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
  if (others)
    who.push(` and ${others}${it.actors_more ? "+" : ""} ${others === 1 && !it.actors_more ? "other" : "others"}`);
  const about =
    it.tweet && h("a", { class: "excerpt", href: `/tweets/${it.tweet.tweet_id}`, dir: "auto" }, it.tweet.content);
  return h(
    "li",
    { class: it.read ? "notice" : "notice fresh" },
    h("span", { class: `kind ${it.kind}` }, icon(ICONS[it.kind] || "bell")),
    h(
      "div",
      { class: "body" },
      h("div", { class: "faces" }, ...it.actors.slice(0, 6).map((user) => avatar(user, "small"))),
      h(
        "p",
        {},
        ...who,
        ` ${DID[it.kind] || it.kind} `,
        h("span", { class: "soft" }, when(it.created_at)),
        !it.read && h("span", { class: "unseen" }, " (new)"),
      ),
      about,
    ),
  );
}
