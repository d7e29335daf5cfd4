// The side pane with a thread: its first message, the replies and a composer.

import { act, read } from "./api.js";
import { attempt } from "./calls.js";
import { Composer } from "./composer.js";
import { $, h, iconButton, replace, toast } from "./dom.js";
import { MessageList } from "./list.js";
import { go, place } from "./place.js";
import { channelNamed, store } from "./store.js";

let list;
let composer;
let shown = "";

export function startThread() {
  const body = h("section.thread-list", { role: "log", "aria-label": "Replies", tabindex: "0", "data-testid": "replies" });
  const box = h("div.composer");
  replace($("thread"), h("header.pane-head", {}, h("h2.grow", { id: "thread-title" }, "Thread"), iconButton("close", "Close thread", () => go({ thread: "" }), { "data-testid": "close-thread" })), body, box);
  list = new MessageList(body);
  composer = new Composer(box, { name: "thread", send, run: refuse });
  $("thread").addEventListener("keydown", (event) => event.key === "Escape" && !event.defaultPrevented && go({ thread: "" }));
}

/** Reads and draws the thread the page is at, or closes the pane. */
export async function loadThread() {
  const key = place.thread && `${store.me}/${place.channel}/${place.thread}`;
  $("thread").hidden = !key;
  document.body.classList.toggle("with-thread", Boolean(key));
  if (!key) {
    list.clear();
    shown = "";
    return;
  }
  const data = await read("thread", { channel: place.channel, ts: place.thread });
  const turned = key !== shown;
  if (turned) list.clear();
  shown = key;
  $("thread-title").replaceChildren("Thread ", h("span.note", {}, `#${channelNamed(place.channel).name}`));
  list.draw(data.messages, { channel: place.channel, inThread: true, openThread: () => {}, pins: new Map(data.pins.map((pin) => [pin.ts, pin.by])) });
  composer.turn(key, "Reply…");
  if (turned) (list.toBottom(), composer.focus());
}

const send = (text) => attempt(() => act("post", { channel: place.channel, text, thread: place.thread })).then((answer) => (list.toBottom(), answer));

async function refuse(text) {
  toast(`${text.split(" ")[0]} is not supported in threads. Sorry!`, "error");
  return undefined;
}
