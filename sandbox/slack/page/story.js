// A story: which one, how fast, how far it is, and what happened so far.

import { h, icon } from "./dom.js";
import { Keyed } from "./keyed.js";
import { go, LANDING, place } from "./place.js";
import { store } from "./store.js";

const PACES = [
  ["1", "Normal pace"],
  ["2", "Twice as fast"],
  ["0", "As fast as it goes"],
];
const MARKS = { happened: "✓", failed: "✗", running: "▸" };

export class StoryBox {
  constructor(root, cause) {
    this.parts = new Keyed(root);
    this.cause = cause;
    this.name = "";
    this.pace = "1";
    this.steps = fold("Steps", "story-steps", "ol.steps");
    this.transcript = fold("Transcript", "story-transcript", "ol.transcript");
  }

  draw({ stories, story }) {
    const running = story?.state === "running";
    if (running) this.name = story.name;
    this.follow(story);
    this.name ||= stories[0]?.name ?? "";
    const now = story && current(story);
    this.parts.draw([
      { key: "head", mark: story?.state, make: () => head(story) },
      { key: "choice", mark: [stories, running], make: () => this.choice(stories, running) },
      story && { key: "progress", mark: [done(story), story.steps.length], make: () => progress(story) },
      now && { key: "now", mark: now, make: () => h("p.story-now", { "data-testid": "story-now" }, now.say, now.why && h("span.note", {}, now.why)) },
      story && { key: "steps", make: () => this.steps.node },
      story && { key: "transcript", make: () => this.transcript.node },
    ]);
    const before = this.now;
    this.now = now?.say;
    this.steps.list.draw((story?.steps ?? []).map((one, index) => ({ key: index, mark: one, make: () => step(one) })));
    if (this.now !== before) reveal(this.steps.list.root);
    keepingEnd(this.transcript.list.root, () => this.transcript.list.draw((story?.transcript ?? []).map(asItem)));
  }

  /** Goes along from where everybody lands to the channel that the story opens; not while somebody writes. */
  follow(story) {
    if (story?.state !== "running" || this.followed === story.started_at) return;
    const began = Date.parse(story.started_at) / 1000;
    const opened = [...store.channels.values()].find((one) => one.member && !one.is_im && one.created >= began);
    if (!opened) return;
    this.followed = story.started_at;
    if (store.channels.get(place.channel)?.name === LANDING && !document.activeElement?.value) go({ channel: opened.id });
  }

  choice(stories, running) {
    const names = stories.map((one) => [one.name, one.title]);
    const play = () => this.cause("story", { name: this.name, speed: Number(this.pace) });
    return h(
      "div.story-choice",
      {},
      this.select("name", "Story", names, running),
      this.select("pace", "Pace", PACES, running),
      h("button.button.primary", { type: "button", "data-testid": "play", disabled: running || !this.name, onclick: play }, icon("play", 15), "Play"),
    );
  }

  select(key, label, options, disabled) {
    const change = (event) => (this[key] = event.target.value);
    const node = h("select.select", { "aria-label": label, "data-testid": `story-${key}`, disabled, onchange: change }, options.map(([value, words]) => h("option", { value }, words)));
    node.value = this[key];
    return node;
  }
}

const asItem = (one, index) => ({ key: `${index}/${one.at}`, mark: one, make: () => line(one) });

/** Scrolls a list of steps to the one that is on. */
function reveal(list) {
  const on = [...list.querySelectorAll(".running, .failed, .happened")].pop();
  if (on) list.scrollTop = on.offsetTop - list.offsetTop - list.clientHeight / 2;
}

/** Whoever reads the end of a list goes on reading the end. */
function keepingEnd(node, work) {
  const atEnd = node.scrollHeight - node.scrollTop - node.clientHeight < 24;
  work();
  if (atEnd) node.scrollTop = node.scrollHeight;
}

const done = (story) => story.steps.filter((one) => one.state === "happened").length;

/** The step that runs, or the last one that did anything. */
const current = (story) => story.steps.find((one) => ["running", "failed"].includes(one.state)) ?? story.steps.filter((one) => one.state !== "waiting").pop();

const head = (story) =>
  h("div.story-head", {}, h("h3.grow", {}, "Story"), story && h(`span.phase.${story.state}`, { "data-testid": "story-state" }, story.state));

function progress(story) {
  const share = (100 * done(story)) / Math.max(1, story.steps.length);
  const props = { role: "progressbar", "aria-valuemin": "0", "aria-valuemax": story.steps.length, "aria-valuenow": done(story), "aria-label": "Steps that happened" };
  return h("div.progress", props, h("span", { style: `width:${share}%` }));
}

function fold(title, testid, kind) {
  const list = h(kind);
  return { node: h("details", {}, h("summary", { "data-testid": testid }, title), list), list: new Keyed(list) };
}

const step = (one) =>
  h(`li.step.${one.state}`, {}, h("span.step-mark", { role: "img", "aria-label": one.state }, MARKS[one.state] ?? "·"), h("span", {}, one.say, one.why && h("span.note", {}, one.why)));

const line = (one) => h("li", {}, h("time", {}, one.at), " ", h("b", {}, one.actor), one.where && h("span.note", {}, ` ${one.where}`), h("div", {}, one.text));
