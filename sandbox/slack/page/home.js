// An app's home: the view it publishes for the acting person, and what it is for.

import { act, read } from "./api.js";
import { blocks } from "./blocks.js";
import { attempt } from "./calls.js";
import { drawHeadOf } from "./channel.js";
import { $, h, replace } from "./dom.js";
import { entered } from "./elements.js";
import { avatar } from "./message.js";
import { place } from "./place.js";
import { person, store } from "./store.js";

const typed = new Map();
let opened = "";
let mark = "";

/** Opens the home (the app hears of it once a visit) and draws its view. */
export async function loadHome() {
  const key = `${store.me}/${place.channel}`;
  if (opened !== key) await act("open_home", {});
  opened = key;
  const { view } = await read("home");
  const app = person(place.channel.replace("home-", ""));
  drawHeadOf([{ key: "words", mark: key, make: () => title(app) }]);
  const next = JSON.stringify([key, view]);
  if (next === mark) return;
  mark = next;
  const press = (action, value) => attempt(() => act("press", { view_id: view.id, ...action, value, values: entered(typed, view.blocks) }));
  const body = view ? blocks(view.blocks, { kind: "home", name: "home", typed, press }) : empty(app);
  replace($("home"), h("div.home-body", {}, body));
}

const title = (app) => h("div.head-words.grow", {}, h("h1", {}, avatar(app, 24), h("span", {}, app.name), h("span.app-badge", {}, "App")));

export function leaveHome() {
  opened = mark = "";
}

const empty = (app) =>
  h("div.beginning", {}, h("h2", {}, app.name), h("p", {}, `${app.name} has not put anything here for ${person(store.me).name}.`), h("p.note", {}, "Type / in a channel to see its commands."));
