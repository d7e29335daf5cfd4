// The main pane: a channel's head, bookmarks, messages and composer.

import { act, read } from "./api.js";
import { attempt } from "./calls.js";
import { Composer } from "./composer.js";
import { $, anchor, h, icon, iconButton, openMenu, safeUrl } from "./dom.js";
import { Keyed } from "./keyed.js";
import { MessageList } from "./list.js";
import { avatar, openCanvas } from "./message.js";
import { inline, plain } from "./mrkdwn.js";
import { go, isHome, NARROW, place } from "./place.js";
import { author, person, store } from "./store.js";
import { clock } from "./time.js";

const PAGE = 200;
const open = { key: "", data: null, limit: PAGE, newFrom: "", reach: "" };
let list;
let composer;
let head;
let shelf;

export function startChannel() {
  head = new Keyed($("head"));
  shelf = new Keyed($("shelf"));
  list = new MessageList($("messages"));
  composer = new Composer($("composer"), { name: "channel", send, run });
  $("messages").addEventListener("scroll", () => scrolled(), { passive: true });
  $("latest").addEventListener("click", () => list.toBottom());
  new ResizeObserver(() => open.stick && list.toBottom()).observe($("messages"));
}

/** Reads and draws the channel the page is at. */
export async function loadChannel() {
  const key = `${store.me}/${place.channel}`;
  const data = await read("channel", { channel: place.channel, limit: key === open.key ? open.limit : PAGE, reach: open.reach });
  if (key !== `${store.me}/${place.channel}`) return;
  const turned = key !== open.key;
  if (turned) turn(key, data);
  open.data = data;
  drawChannel();
  if (turned) list.toBottom();
  if (open.reach) reached(data);
  scrolled();
}

function reached(data) {
  open.limit = Math.max(open.limit, data.messages.length);
  list.show(open.reach);
  open.reach = "";
}

function turn(key, data) {
  list.clear();
  Object.assign(open, { key, limit: PAGE, newFrom: data.last_read, stick: true });
  if (matchMedia("(hover: hover)").matches) composer.focus();
}

function drawChannel() {
  const { data } = open;
  if (!data || isHome()) return;
  drawHead(data);
  drawShelf(data);
  const pins = new Map(data.pins.map((pin) => [pin.ts, pin.by]));
  const openThread = (ts) => go({ thread: ts });
  list.draw(data.messages, { channel: data.id, pins, newFrom: open.newFrom, openThread, top: top(data), topMark: topMark(data) });
  composer.turn(open.key, `Message ${label(data)}`, blocked(data));
}

export function freezeComposer() {
  composer.turn(open.key, "Message", "The chat cannot be reached");
}

const label = (data) => (data.is_im ? person(data.with).name : `#${data.name}`);

function blocked(data) {
  if (data.archived) return "This channel is archived";
  return data.member ? "" : `Join #${data.name} to write here`;
}

const topMark = (data) => `${data.more}/${data.id}`;

function top(data) {
  if (data.more) return h("div.earlier", {}, h("button.button", { type: "button", onclick: earlier, "data-testid": "earlier" }, "Load earlier messages"));
  const words = data.is_im ? `This is the start of your conversation with ${label(data)}.` : `This is the very beginning of ${label(data)}.`;
  return h("div.beginning", {}, h("h2", {}, label(data)), h("p", {}, words), data.purpose && h("p.note", {}, plain(data.purpose)));
}

function earlier() {
  open.limit += PAGE;
  reload();
}

const reload = () => attempt(async () => {});

/** The head belongs to the channel or to an app's home; what stands left and right in it is the same. */
export function drawHeadOf(middle) {
  head.draw([{ key: "start", make: headStart }, ...middle, { key: "theme", mark: document.documentElement.dataset.theme, make: themeButton }, { key: "shop", mark: shopShown(), make: shopButton }]);
}

function drawHead(data) {
  drawHeadOf([
    { key: "words", mark: [data.id, data.name, data.topic, store.me], make: () => headWords(data) },
    joinable(data) && { key: "join", mark: data.id, make: () => joinButton(data) },
    data.pins.length > 0 && { key: "pins", mark: [data.id, data.pins], make: () => pinsButton(data) },
    !data.is_im && { key: "members", mark: [data.id, data.members], make: () => membersButton(data) },
  ]);
}

function headWords(data) {
  const title = h("h1", {}, data.is_im ? null : icon(data.is_private ? "lock" : "hash", 18), h("span", {}, data.is_im ? label(data) : data.name));
  const topic = h("div.topic", { title: plain(data.topic), "data-testid": "topic" }, data.topic ? inline(data.topic) : null);
  return h("div.head-words.grow", {}, title, topic);
}

function headMenu(name, sign, count, items, testid) {
  const props = { type: "button", "aria-haspopup": "menu", "aria-label": `${count} ${name.toLowerCase()}`, "data-testid": testid };
  const button = h("button.head-button", { ...props, onclick: () => openMenu(button, items(), name) }, icon(sign, 16), count);
  return button;
}

const pinsButton = (data) => headMenu("Pinned messages", "pin", data.pins.length, () => pinItems(data), "pins");
const membersButton = (data) => headMenu("Members", "users", data.members.length, () => memberItems(data), "members");

const headStart = () => iconButton("menu", "Channels", () => toggleDrawer("sidebar"), { id: "open-sidebar", "data-testid": "open-sidebar" });

function shopShown() {
  const { classList } = document.body;
  return NARROW.matches ? classList.contains("drawer-panel") : !classList.contains("no-panel");
}

function shopButton() {
  const props = { type: "button", "aria-label": "Show or hide the shop", "aria-pressed": String(shopShown()), "data-testid": "toggle-panel" };
  return h("button.head-button.shop-button", { ...props, onclick: () => toggleDrawer("panel") }, icon("shop", 16), h("span", {}, "Shop"));
}

function themeButton() {
  const dark = document.documentElement.dataset.theme === "dark";
  return iconButton(dark ? "sun" : "moon", dark ? "Light colours" : "Dark colours", () => dispatchEvent(new Event("theme")), { "data-testid": "theme" });
}

const toggleDrawer = (name) => dispatchEvent(new CustomEvent("drawer", { detail: name }));
const joinable = (data) => !data.member && !data.archived && !data.is_im;
const joinButton = (data) => h("button.button.primary", { type: "button", "data-testid": "join", onclick: () => attempt(() => act("join", { channel: data.id })) }, `Join #${data.name}`);

function pinItems(data) {
  return data.pins.map((pin) => ({
    label: h("span.pin-item", {}, h("b", {}, pin.message ? author(pin.message).name : ""), h("span.note", {}, plain(preview(pin.message)).slice(0, 120))),
    note: h("span.note", {}, clock(pin.ts)),
    run: () => jump(pin.ts),
  }));
}

const preview = (message) => message?.text || (message?.blocks ?? []).map((block) => block.text?.text ?? "").join(" ") || "Message";

const memberItems = (data) =>
  data.members.map((id) => ({
    label: h("span.person", {}, avatar(person(id), 28), h("span", {}, h("b", {}, person(id).name), h("span.note", {}, person(id).title || (person(id).is_bot ? "App" : "")))),
    run: () => id !== store.me && writeTo(id),
  }));

/** Opens the direct messages with somebody. */
async function writeTo(id) {
  const answer = await attempt(() => act("direct", { with: id }));
  if (answer) go({ channel: answer.channel });
}

/** Shows a message, here or in another channel, reading further back if it has to. */
export function jump(ts, channel = place.channel) {
  if (channel === place.channel && list.show(ts)) return;
  reachFor(ts);
  if (channel === place.channel) reload();
  else go({ channel });
}

/** The next reading of the channel goes back to this message and shows it. */
export function reachFor(ts) {
  open.reach = ts;
}

function drawShelf(data) {
  const { canvas, bookmarks } = data;
  $("shelf").hidden = bookmarks.length === 0 && !canvas;
  shelf.draw([canvas && { key: canvas.id, mark: canvas, make: () => canvasButton(canvas) }, ...bookmarks.map((one) => ({ key: one.id, mark: one, make: () => bookmark(one) }))]);
}

const canvasButton = (canvas) =>
  h("button.mark-link", { type: "button", onclick: () => openCanvas(canvas), "data-testid": "canvas" }, icon("file", 15), canvas.title || "Canvas");

function bookmark(one) {
  const sign = one.emoji ? inline(one.emoji) : icon("bookmark", 15);
  if (!safeUrl(one.link ?? "")) return h("span.mark-link", {}, sign, one.title);
  const link = anchor(one.link, sign, h("span", {}, one.title));
  link.className = "mark-link";
  return link;
}

const send = (text) => sent(() => act("post", { channel: place.channel, text }));
const run = (text) => sent(() => act("command", { channel: place.channel, text }));

async function sent(work) {
  open.stick = true;
  const answer = await attempt(work);
  list.toBottom();
  return answer;
}

/** Shows the way down when scrolled up; marks as read what was seen. */
function scrolled() {
  open.stick = list.atBottom;
  $("latest").hidden = list.atBottom || isHome();
  const { data } = open;
  const last = data?.messages[data.messages.length - 1]?.ts;
  if (!last || !list.atBottom || document.hidden || last <= data.last_read) return;
  data.last_read = last;
  attempt(() => act("read", { channel: data.id, ts: last }));
}
