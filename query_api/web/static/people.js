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
import { avatar, nothing, profilePath, sendInTurn, skeleton, timelineOf } from "./tweets.js";

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
    h("div", { class: "row spread" }, avatar(user, "large"), own ? editButton(user, again) : relation(user)),
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
