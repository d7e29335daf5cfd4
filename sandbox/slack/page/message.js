// Draws one message: who, when, what it says, its files, reactions and thread.

import { act, read } from "./api.js";
import { blocks } from "./blocks.js";
import { attempt } from "./calls.js";
import { showDialog } from "./dialogs.js";
import { anchor, append, h, icon, iconButton, openMenu, safeUrl, toast } from "./dom.js";
import { entered } from "./elements.js";
import { picture, PICKER, QUICK } from "./emoji.js";
import { markdown } from "./markdown.js";
import { inline, mrkdwn } from "./mrkdwn.js";
import { author, hue, initials, person, store } from "./store.js";
import { ago, clock, full, seconds } from "./time.js";

const typed = new Map();

/** A subtyped message is a line about the channel, not something said. */
const isNotice = (message) => /^(channel_|group_|pinned_item|bot_add|bot_remove|reminder)/.test(message.subtype ?? "");

export function avatar(who, size = 36) {
  const props = { style: `--hue:${hue(who.id)};--size:${size}px`, "aria-hidden": "true" };
  return h(who.is_bot ? "span.avatar.bot" : "span.avatar", props, who.is_bot ? icon("eye", size * 0.6) : initials(who.name));
}

/** `place` is {channel, pane, pinned: by whom or null, inThread}; `follows` joins it to the message above. */
export function messageNode(message, place, follows) {
  if (isNotice(message)) return notice(message);
  const who = author(message);
  const kind = ["article.message", follows && "follows", place.pinned && "pinned", message.is_ephemeral && "ephemeral"];
  const node = h(kind.filter(Boolean).join("."), {
    tabindex: "-1",
    "data-testid": "message",
    "data-ts": message.ts,
    "aria-label": `${who.name}, ${clock(message.ts)}`,
  });
  const gutter = follows ? h("time.gutter-time", { title: full(message.ts) }, clock(message.ts)) : avatar(who);
  append(node, [h("div.gutter", {}, gutter), h("div.message-body", {}, marks(message, place), follows ? null : byline(who, message), content(message, place))]);
  const show = () => node.querySelector(".tools") ?? node.append(tools(message, place, node));
  const hide = () => node.contains(document.activeElement) || node.querySelector(".tools")?.remove();
  node.addEventListener("pointerenter", show);
  node.addEventListener("pointerleave", hide);
  node.addEventListener("focusin", show);
  node.addEventListener("focusout", (event) => node.contains(event.relatedTarget) || node.querySelector(".tools")?.remove());
  return node;
}

function notice(message) {
  const who = author(message);
  const said = message.text.replace(/^<@[^>]+>\s*/, "");
  const words = h("span", {}, h("b", {}, who.name), " ", inline(said));
  return h("div.notice", { "data-ts": message.ts, "data-testid": "notice" }, words, h("time", { title: full(message.ts) }, clock(message.ts)));
}

function byline(who, message) {
  return h(
    "div.byline",
    {},
    h("b.author", {}, who.name),
    who.is_bot && h("span.app-badge", {}, "App"),
    h("time", { title: full(message.ts) }, clock(message.ts)),
  );
}

function marks(message, place) {
  return [
    message.is_ephemeral && h("div.mark", {}, icon("eye", 14), "Only visible to you"),
    place.pinned && h("div.mark.pin", {}, icon("pin", 14), `Pinned by ${person(place.pinned).name}`),
  ];
}

function content(message, place) {
  const said = message.blocks?.length ? h("div.blocks", {}, blocks(message.blocks, surfaceOf(message, place))) : words(message);
  return [
    said,
    (message.attachments ?? []).map((one) => attachment(one, message, place)),
    (message.files ?? []).map((file) => (isImage(file) ? imageFile(file) : fileCard(file))),
    reactions(message, place),
    !place.inThread && message.reply_count > 0 && threadLine(message, place),
  ];
}

function words(message) {
  if (!message.text) return null;
  return h("div.words", {}, mrkdwn(message.text), message.edited && h("span.edited", { title: full(message.edited.ts) }, " (edited)"));
}

function surfaceOf(message, place) {
  const key = `${store.me}/${place.channel}/${message.ts}`;
  if (!typed.has(key)) typed.set(key, new Map());
  const press = (action, value) =>
    attempt(() => act("press", { channel: place.channel, ts: message.ts, ...action, value, values: entered(typed.get(key), message.blocks ?? []) }));
  return { kind: "message", name: message.ts, typed: typed.get(key), press };
}

function attachment(one, message, place) {
  const colour = /^#?[0-9a-f]{6}$/i.test(one.color ?? "") ? `#${one.color.replace("#", "")}` : "var(--line-strong)";
  const title = one.title && h("b", {}, one.title_link && safeUrl(one.title_link) ? anchor(one.title_link, one.title) : one.title);
  const body = one.blocks ? blocks(one.blocks, surfaceOf(message, place)) : one.text && h("div", {}, mrkdwn(one.text));
  const fields = (one.fields ?? []).map((field) => h("div.field-cell", {}, h("b", {}, field.title), h("div", {}, mrkdwn(field.value))));
  return h("div.attachment", { style: `--bar:${colour}` }, one.pretext && mrkdwn(one.pretext), title, body, fields.length ? h("div.fields", {}, fields) : null);
}

const isImage = (file) => file.mimetype?.startsWith("image/") && safeUrl(file.url_private);

/** An image shows in its message; a press shows it large. */
function imageFile(file) {
  const name = file.title ?? file.name;
  const open = () => attempt(() => preview(file, name, file.url_private));
  const image = h("img", { src: file.url_private, alt: file.alt_txt ?? name, loading: "lazy" });
  return h("figure.file-image", { "data-testid": "image" }, h("figcaption", {}, name), h("button.image-open", { type: "button", onclick: open, "aria-label": `Open ${name}` }, image));
}

function fileCard(file) {
  const url = file.url_private_download ?? file.url_private ?? "";
  const name = file.name ?? file.title;
  const size = file.size ? `${file.size > 1024 ? `${(file.size / 1024).toFixed(1)} KB` : `${file.size} bytes`}` : "";
  const kind = file.pretty_type ?? (/\.md$/.test(name) ? "Markdown" : (file.filetype ?? "File"));
  const open = () => attempt(() => preview(file, name, url));
  return h(
    "div.file-card",
    { "data-testid": "file" },
    h("button.file-open", { type: "button", onclick: open, "aria-label": `Open ${name}` }, icon("file", 26), fileWords(file.title ?? name, [kind, size])),
    downloadLink(url, name),
  );
}

const fileWords = (title, notes) => h("span.file-words", {}, h("b", {}, title), h("span.note", {}, notes.filter(Boolean).join(" · ")));
const downloadLink = (url, name) => safeUrl(url) && h("a.icon-button", { href: url, download: name, "aria-label": `Download ${name}`, title: "Download" }, icon("download"));

async function preview(file, name, url) {
  if (file.mimetype?.startsWith("image/") && safeUrl(url)) return showDialog(name, h("img", { src: url, alt: file.alt_txt ?? name }), [downloadLink(url, name)]);
  const { text } = await read("file", { file: file.id });
  const shown = /\.(md|markdown)$/.test(name) || file.filetype === "canvas" || file.filetype === "quip" ? markdown(text) : h("pre", {}, text);
  return showDialog(name, shown, [downloadLink(url, name)]);
}

/** Opens a canvas like a file, without a download. */
export const openCanvas = (canvas) => showDialog(canvas.title || "Canvas", markdown(canvas.markdown));

function reactions(message, place) {
  if (!message.reactions?.length) return null;
  const pills = message.reactions.map((one) => reactionPill(one, message, place));
  const add = iconButton("smile", "Add reaction", () => pick(add, message, place), { "aria-haspopup": "menu" });
  return h("div.reactions", {}, pills, add);
}

function reactionPill(one, message, place) {
  const mine = one.users.includes(store.me);
  const names = one.users.map((id) => person(id).name).join(", ");
  const props = { type: "button", "aria-pressed": String(mine), title: `${names} reacted with :${one.name}:`, onclick: () => toggle(message, place, one.name, mine) };
  return h(mine ? "button.reaction.mine" : "button.reaction", props, picture(one.name) ?? `:${one.name}:`, h("span", {}, one.count ?? one.users.length));
}

const toggle = (message, place, name, on) => attempt(() => act(on ? "unreact" : "react", { channel: place.channel, ts: message.ts, name }));

function pick(button, message, place) {
  const mine = (name) => (message.reactions ?? []).some((one) => one.name === name && one.users.includes(store.me));
  openMenu(button, PICKER.map((name) => ({ label: picture(name), run: () => toggle(message, place, name, mine(name)) })), "Pick a reaction");
  document.querySelector(".menu:last-of-type").classList.add("picker");
}

function threadLine(message, place) {
  const count = `${message.reply_count} ${message.reply_count === 1 ? "reply" : "replies"}`;
  const faces = (message.reply_users ?? []).slice(0, 4).map((id) => avatar(person(id), 22));
  const last = message.latest_reply && h("span.note", {}, `Last reply ${ago(seconds(message.latest_reply))}`);
  return h("button.thread-line", { type: "button", onclick: () => place.openThread(message.ts), "data-testid": "open-thread" }, faces, h("b", {}, count), last);
}

function tools(message, place, node) {
  const quick = QUICK.map((name) =>
    h("button.icon-button", { type: "button", "aria-label": `React with ${name}`, title: `:${name}:`, onclick: () => toggle(message, place, name, false) }, picture(name)),
  );
  const add = iconButton("smile", "Add reaction", () => pick(add, message, place), { "aria-haspopup": "menu" });
  const reply = iconButton("reply", "Reply in thread", () => place.openThread(message.thread_ts ?? message.ts), { "data-testid": "reply" });
  const more = iconButton("more", "More", () => openMenu(more, moreItems(message, place, node), "Message actions"), { "aria-haspopup": "menu", "data-testid": "more" });
  if (message.is_ephemeral) return h("div.tools", {});
  return h("div.tools", { role: "toolbar", "aria-label": "Message actions" }, quick, add, place.inThread ? null : reply, more);
}

function moreItems(message, place, node) {
  const where = { channel: place.channel, ts: message.ts };
  const shortcuts = store.shortcuts.filter((one) => one.type === "message");
  return [
    { label: place.pinned ? "Unpin from channel" : "Pin to channel", icon: icon("pin"), run: () => attempt(() => act(place.pinned ? "unpin" : "pin", where)) },
    { label: "Copy link", icon: icon("link"), run: () => copyLink(place.channel, message) },
    ...(message.user === store.me ? own(message, where, node) : []),
    ...shortcuts.map((one) => ({ label: one.name, note: h("span.note", {}, "App"), run: () => attempt(() => act("shortcut", { callback_id: one.callback_id, ...where })) })),
  ];
}

function own(message, where, node) {
  return [
    { label: "Edit message", icon: icon("file"), run: () => edit(message, where, node) },
    { label: "Delete message", icon: icon("close"), danger: true, run: () => attempt(() => act("delete", where)) },
  ];
}

async function copyLink(channel, message) {
  await navigator.clipboard?.writeText(`${location.origin}/archives/${channel}/p${message.ts.replace(".", "")}`);
  toast("Link copied.");
}

function edit(message, where, node) {
  const field = h("textarea.field", { rows: 3, "aria-label": "Edit message" });
  field.value = message.text;
  const words = node.querySelector(".words");
  const end = () => form.replaceWith(words);
  const save = () => (end(), attempt(() => act("edit", { ...where, text: field.value })));
  const buttons = [h("button.button", { type: "button", onclick: end }, "Cancel"), h("button.button.primary", { type: "button", onclick: save }, "Save")];
  const form = h("div.edit", {}, field, h("div.block.actions", {}, buttons));
  field.addEventListener("keydown", (event) => event.key === "Escape" && end());
  words?.replaceWith(form);
  field.focus();
}
