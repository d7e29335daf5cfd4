// The shop beside the chat: what runs and how it does, buttons that cause trouble, and the stories.

import { shop, tell } from "./api.js";
import { $, h, icon, iconButton, replace, toast } from "./dom.js";
import { Keyed } from "./keyed.js";
import { sparkline } from "./sparkline.js";
import { StoryBox } from "./story.js";

const EVERY = 1000; // milliseconds between two looks
const STORM = 500; // alerts
let story;
let services;
let trouble;

export function startPanel() {
  const close = iconButton("close", "Hide the shop", () => dispatchEvent(new CustomEvent("drawer", { detail: "panel" })), { "data-testid": "close-panel" });
  const parts = ["story", "services", "trouble"].map((name) => h(`section.panel-${name}`));
  replace($("panel"), h("header.pane-head", {}, icon("shop", 20), h("h2.grow", {}, "The shop"), close), h("div.panel-body", { tabindex: "-1" }, parts));
  story = new StoryBox(parts[0], cause);
  services = new Keyed(parts[1]);
  trouble = new Keyed(parts[2]);
  watch();
}

/** Reads the state of the shop once a second while somebody can see it. */
async function watch() {
  if (!document.hidden && getComputedStyle($("panel")).display !== "none") await look();
  setTimeout(watch, EVERY);
}

async function look() {
  try {
    draw(await shop());
    $("panel").classList.remove("stale");
  } catch {
    $("panel").classList.add("stale");
    if (!cards.size) services.draw([{ key: "none", make: () => h("p.note", {}, "The shop does not answer.") }]);
  }
}

/** Asks for something to happen and shows at once what came of it. */
async function cause(what, args) {
  try {
    await tell(what, args);
    await look();
  } catch (error) {
    toast(error.message, "error");
  }
}

function draw(state) {
  story.draw(state);
  services.draw(state.services.map((one) => ({ key: one.name, make: () => card(one.name) })));
  state.services.forEach(fill);
  trouble.draw([{ key: "title", make: () => h("h3", {}, "Make trouble") }, ...troubles(state.faults)]);
}

const cards = new Map();

function card(name) {
  const node = h("article.service", { "data-testid": `service-${name}` });
  cards.set(name, { node, parts: new Keyed(node) });
  return node;
}

function fill(one) {
  const { node, parts } = cards.get(one.name);
  const troubled = one.error_rate > 0.05;
  node.classList.toggle("troubled", troubled);
  parts.draw([
    { key: "head", mark: [one.phase, one.message, words(one)], make: () => cardHead(one) },
    { key: "weights", mark: one.versions, make: () => weights(one) },
    { key: "figures", mark: [one.history, troubled], make: () => figures(one, troubled) },
    { key: "ship", mark: one.next, make: () => h("div.ship", {}, ship(one, "good"), ship(one, "bad")) },
  ]);
}

const cardHead = (one) =>
  h("header", {}, h("h3.grow", {}, one.name, " ", h("span.note", { title: one.message }, words(one))), h(`span.phase.${one.phase.toLowerCase()}`, {}, one.phase));

/** What is to be known beside the phase: after an abort that is not the step, which is 0 again. */
function words(one) {
  if (one.broken_content) return "shows the wrong page";
  if (one.message.startsWith("RolloutAborted")) return "aborted";
  return one.phase !== "Healthy" && one.steps ? `step ${one.step} of ${one.steps}` : "";
}

function figures(one, troubled) {
  const sells = one.history.orders.some((value) => value > 0);
  return h(
    "div.figures",
    {},
    figure("Errors", percent(one.error_rate), one.history.errors, troubled ? "bad" : "calm"),
    figure("p95", milliseconds(one.p95), one.history.p95, "calm"),
    sells && figure("Orders/min", Math.round(one.orders), one.history.orders, "good"),
  );
}

const percent = (ratio) => `${(ratio * 100).toFixed(ratio < 0.1 ? 1 : 0)} %`;
const milliseconds = (seconds) => (seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(1)} s`);

function weights(one) {
  const label = one.versions.map((each) => `${each.version} ${each.weight} %`).join(", ");
  const part = (each) => h(["span.weight", each.track === "canary" && "canary", each.bad && "bad"].filter(Boolean).join("."), { style: `flex-grow:${Math.max(each.weight, 4)}`, title: `${each.version} (${each.track})` }, h("b", {}, each.version), ` ${each.weight} %`);
  const ordered = [...one.versions].sort((a, b) => (a.track === "canary") - (b.track === "canary"));
  return h("div.weights", { role: "img", "aria-label": label, "data-testid": `weights-${one.name}` }, ordered.map(part));
}

function figure(name, value, history, kind) {
  return h(`div.figure.${kind}`, {}, h("span.figure-name", {}, name), " ", h("b", {}, value), sparkline(history));
}

function ship(one, kind) {
  const version = one.next[kind];
  const props = { type: "button", "data-testid": `ship-${kind}-${one.name}`, onclick: () => cause("ship", { service: one.name, version }) };
  return h(kind === "bad" ? "button.button.danger" : "button.button", props, `Ship ${version} `, h("span.note", {}, kind));
}

function troubles(faults) {
  return [
    toggle("content", "Break the content", "storefront answers 200 with the wrong page, until another version is out", faults.broken_content, (on) => cause("break-content", { broken: on })),
    toggle("vendor", "Payments vendor down", "payments and checkouts fail", faults.vendor_down, (on) => cause("vendor", { down: on })),
    toggle("slack", "Cut Slack off", "the bot and you lose the chat", faults.slack_cut, (on) => cause("slack", { cut: on })),
    { key: "storm", make: () => h("button.button", { type: "button", "data-testid": "storm", onclick: () => cause("storm", { count: STORM }) }, `Alert storm: ${STORM} of search`) },
  ];
}

function toggle(id, name, note, on, run) {
  const props = { type: "button", role: "switch", "aria-checked": String(Boolean(on)), "data-testid": `trouble-${id}`, onclick: () => run(!on) };
  const make = () => h("button.switch", props, h("span.grow", {}, h("b", {}, name), h("span.note", {}, note)), h("span.knob", { "aria-hidden": "true" }));
  return { key: id, mark: on, make };
}
