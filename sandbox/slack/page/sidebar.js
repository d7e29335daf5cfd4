// The sidebar: workspace, acting person, channels with unread marks, direct messages and apps.

import { $, h, icon, iconButton, openMenu, replace } from "./dom.js";
import { Keyed } from "./keyed.js";
import { avatar } from "./message.js";
import { go, place } from "./place.js";
import { bots, humans, person, store } from "./store.js";

const lists = {};
let top;

export function startSidebar() {
  const head = h("div");
  const rooms = h("div.rooms");
  replace($("sidebar"), head, rooms);
  top = new Keyed(head);
  for (const name of ["Channels", "Direct messages", "Apps"]) {
    const title = h("div.group-title");
    const rows = h("ul");
    const section = h("section", { "aria-label": name }, title, rows);
    rooms.append(section);
    lists[name] = { section, title: new Keyed(title), rows: new Keyed(rows) };
  }
}

export function drawSidebar() {
  const mine = [...store.channels.values()].filter((one) => one.member && !one.archived);
  const rooms = mine.filter((one) => !one.is_im).sort((a, b) => a.name.localeCompare(b.name));
  top.draw([
    { key: "workspace", mark: store.team, make: workspace },
    { key: "acting", mark: person(store.me), make: actingButton },
  ]);
  group("Channels", rooms, room, { key: "browse", mark: others(), make: browseButton });
  group("Direct messages", mine.filter((one) => one.is_im), room);
  group("Apps", bots().filter((one) => one.home), app);
}

const workspace = () => h("div.workspace", {}, h("span.workspace-mark", { "aria-hidden": "true" }, icon("shop", 18)), h("b", {}, store.team.name));

function group(name, things, draw, tool) {
  const { section, title, rows } = lists[name];
  section.hidden = things.length === 0;
  title.draw([{ key: "name", make: () => h("span.grow", {}, name) }, tool?.mark.length ? tool : null]);
  rows.draw(things.map((one) => ({ key: one.id, mark: [one, store.me, place.channel.endsWith(one.id)], make: () => h("li", {}, draw(one)) })));
}

function room(one) {
  const unread = one.unread > 0;
  const current = one.id === place.channel;
  const badge = one.mentions > 0 && h("span.badge", { "aria-label": `${one.mentions} mentions` }, one.mentions);
  const kind = ["a.room", current && "current", unread && !current && "unread"].filter(Boolean).join(".");
  const sign = one.is_im ? avatar(person(one.with), 20) : icon(one.is_private ? "lock" : "hash", 16);
  const name = one.is_im ? person(one.with).name : one.name;
  const label = `${one.is_im ? "" : "channel "}${name}${unread ? `, ${one.unread} unread` : ""}`;
  const props = { href: `#${store.me}/${one.id}`, "aria-current": current ? "page" : null, "aria-label": label, "data-testid": `channel-${one.is_im ? one.id : one.name}` };
  return h(kind, props, sign, h("span.grow.name", {}, name), badge);
}

function app(one) {
  const key = `home-${one.id}`;
  const current = key === place.channel;
  const props = { href: `#${store.me}/${key}`, "aria-current": current ? "page" : null, "data-testid": `app-${one.handle}` };
  return h(current ? "a.room.current" : "a.room", props, avatar(one, 20), h("span.grow.name", {}, one.name), icon("home", 15));
}

function actingButton() {
  const me = person(store.me);
  const button = h(
    "button.acting-button",
    { type: "button", "aria-haspopup": "menu", "aria-expanded": "false", "aria-label": `You act as ${me.name}. Switch person.`, "data-testid": "acting", onclick: () => openMenu(button, people(), "Act as") },
    avatar(me, 32),
    h("span.grow", {}, h("b", {}, me.name), h("span.note", {}, me.title || "member")),
    icon("chevron", 16),
  );
  return button;
}

const people = () =>
  humans().map((one) => ({
    label: h("span.person", {}, avatar(one, 28), h("span", {}, h("b", {}, one.name), h("span.note", {}, one.title || "member"))),
    note: one.id === store.me ? icon("check", 16) : null,
    testid: `act-as-${one.handle}`,
    run: () => go({ user: one.id }),
  }));

/** Channels that one could join. */
const others = () => [...store.channels.values()].filter((one) => !one.member && !one.is_im && !one.is_private);

function browseButton() {
  const item = (one) => ({ label: `#${one.name}${one.archived ? " (archived)" : ""}`, run: () => go({ channel: one.id }), testid: `browse-${one.name}` });
  const button = iconButton("more", "Browse other channels", () => openMenu(button, others().map(item), "Other channels"), { "aria-haspopup": "menu", "data-testid": "browse" });
  return button;
}
