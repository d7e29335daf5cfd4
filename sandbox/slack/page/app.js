// Starts the page and keeps it up to date: every notice of the sandbox leads to reading what changed.

import { listen, read, Unreachable } from "./api.js";
import { onCall } from "./calls.js";
import { freezeComposer, jump, loadChannel, reachFor, startChannel } from "./channel.js";
import { $, h, replace, toast } from "./dom.js";
import { leaveHome, loadHome } from "./home.js";
import { drawViews } from "./modal.js";
import { startPanel } from "./panel.js";
import { isHome, LANDING, NARROW, place, readAddress } from "./place.js";
import { drawSidebar, startSidebar } from "./sidebar.js";
import { learn, store } from "./store.js";
import { loadThread, startThread } from "./thread.js";

let working = null;
let next = null;

/** Reads and draws everything in view. Calls that come meanwhile share one more round, so the answer is never older than the call. */
function refresh() {
  if (!working) {
    working = round().finally(() => (working = null));
    return working;
  }
  next ??= working.then(() => ((next = null), refresh()));
  return next;
}

async function round() {
  try {
    const user = place.user || store.me;
    const state = await read("state", { user });
    if (user !== (place.user || store.me)) return; // somebody else acts by now: the next round is theirs
    learn(state);
    settle();
    reach(true);
    drawSidebar();
    drawViews();
    await (isHome() ? loadHome() : loadChannel());
    await loadThread();
    title();
  } catch (error) {
    if (error instanceof Unreachable) reach(false);
    else if (error.code === "user_not_found" && place.user) startOver();
    else toast(error.message, "error");
  }
}

/** Whoever acted here the last time is not in this workspace. */
function startOver() {
  place.user = store.me = "";
  refresh();
}

/** Fills in what the address leaves open, and leaves places that are gone. */
function settle() {
  place.user = store.me;
  remember("user", store.me);
  if (isHome() || store.channels.has(place.channel)) return;
  const rooms = [...store.channels.values()];
  place.channel = (rooms.find((one) => one.name === LANDING) ?? rooms.find((one) => one.member) ?? rooms[0]).id;
  history.replaceState(null, "", `#${store.me}/${place.channel}`);
}

let retry = null;

function reach(ok) {
  store.reachable = ok;
  document.body.classList.toggle("unreachable", !ok);
  $("banner").hidden = ok;
  if (ok) return;
  replace($("banner"), h("span.pulse", { "aria-hidden": "true" }), h("span", {}, h("b", {}, "The chat cannot be reached."), " What you see may be out of date; the shop goes on. Trying again…"));
  freezeComposer();
  retry ??= setTimeout(() => ((retry = null), refresh()), 1500);
}

function title() {
  const mentions = [...store.channels.values()].reduce((sum, one) => sum + one.mentions, 0);
  const name = store.channels.get(place.channel)?.name;
  document.title = `${mentions ? `(${mentions}) ` : ""}${name ? `#${name}` : "Home"} · ${store.team.name}`;
}

function moved() {
  readAddress();
  if (!place.user) place.user = store.me || (recall("user") ?? "");
  if (place.message) reachFor(place.message);
  document.body.classList.remove("drawer-sidebar");
  scrim();
  document.body.classList.toggle("at-home", isHome());
  $("home").hidden = !isHome();
  $("messages").hidden = $("composer").hidden = isHome();
  if (isHome()) $("shelf").hidden = $("latest").hidden = true;
  else leaveHome();
  refresh();
}

function drawer(name) {
  const open = name === "panel" && !NARROW.matches ? "no-panel" : `drawer-${name}`;
  document.body.classList.toggle(open);
  if (open === "no-panel") remember("panel", document.body.classList.contains(open) ? "off" : "on");
  scrim();
  refresh();
}

function scrim() {
  const { classList } = document.body;
  $("scrim").hidden = !classList.contains("drawer-sidebar") && !classList.contains("drawer-panel");
}

function closeDrawers() {
  document.body.classList.remove("drawer-sidebar", "drawer-panel");
  scrim();
  refresh();
}

function theme(flip) {
  const wished = recall("theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  const now = flip ? (wished === "dark" ? "light" : "dark") : wished;
  if (flip) remember("theme", now);
  document.documentElement.dataset.theme = now;
  if (flip) refresh();
}

/** A permalink of this workspace goes to its message instead of leaving the page. */
function followPermalink(event) {
  const link = event.target.closest?.("a[href]");
  const found = link && /\/archives\/(\w+)\/p(\d{10})(\d{6})/.exec(link.getAttribute("href"));
  if (!found || !store.channels.has(found[1])) return;
  event.preventDefault();
  jump(`${found[2]}.${found[3]}`, found[1]);
}

const remember = (name, value) => localStorage.setItem(`sandbox-${name}`, value);
const recall = (name) => localStorage.getItem(`sandbox-${name}`);

function start() {
  theme(false);
  document.body.classList.toggle("no-panel", recall("panel") === "off");
  onCall({ done: refresh, lost: () => reach(false) });
  startSidebar();
  startChannel();
  startThread();
  startPanel();
  addEventListener("hashchange", moved);
  addEventListener("theme", () => theme(true));
  addEventListener("drawer", (event) => drawer(event.detail));
  addEventListener("focus", refresh);
  document.addEventListener("click", followPermalink);
  document.addEventListener("keydown", (event) => event.key === "Escape" && closeDrawers());
  $("scrim").addEventListener("click", closeDrawers);
  listen(refresh, () => {});
  moved();
}

start();
