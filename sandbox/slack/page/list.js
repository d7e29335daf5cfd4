// A list of messages that keeps its nodes, its scroll position and the focus while messages come and change.

import { h } from "./dom.js";
import { Keyed } from "./keyed.js";
import { messageNode } from "./message.js";
import { day, dayKey, seconds } from "./time.js";

const JOIN_WITHIN = 300;
const NEAR_BOTTOM = 80;

export class MessageList {
  constructor(root) {
    this.root = root;
    this.keyed = new Keyed(root);
    root.addEventListener("keydown", (event) => this.walk(event));
  }

  clear() {
    this.keyed.clear();
  }

  get atBottom() {
    return this.root.scrollHeight - this.root.scrollTop - this.root.clientHeight < NEAR_BOTTOM;
  }

  toBottom() {
    this.root.scrollTop = this.root.scrollHeight;
  }

  /** `place` as in messageNode, with pins (ts → who), `newFrom` (ts of the last one read) and `top`, a node to stand first. */
  draw(messages, place) {
    const stay = this.atBottom;
    const fromEnd = this.root.scrollHeight - this.root.scrollTop;
    const grew = messages[0]?.ts < this.first;
    this.first = messages[0]?.ts;
    this.keyed.draw(this.items(messages, place));
    if (stay) this.toBottom();
    else if (grew) this.root.scrollTop = this.root.scrollHeight - fromEnd;
    this.makeFocusable();
  }

  items(messages, place) {
    const out = place.top ? [{ key: "top", mark: place.topMark, make: () => place.top }] : [];
    let before = null;
    for (const message of messages) {
      out.push(...this.dividers(message, before, place));
      out.push(this.item(message, before, place));
      before = message;
    }
    return out;
  }

  dividers(message, before, place) {
    const out = [];
    const newDay = !before || dayKey(before.ts) !== dayKey(message.ts);
    if (newDay) out.push(divider(`day-${dayKey(message.ts)}`, "day-divider", day(message.ts)));
    const fresh = place.newFrom && message.ts > place.newFrom && (!before || before.ts <= place.newFrom);
    if (fresh && before) out.push(divider(`new-${place.newFrom}`, "new-divider", "New"));
    return out;
  }

  item(message, before, place) {
    const pinned = place.pins?.get(message.ts) ?? null;
    const follows = joins(message, before, pinned);
    return { key: message.ts, mark: [message, pinned, follows], make: () => messageNode(message, { ...place, pinned }, follows) };
  }

  makeFocusable() {
    const rows = this.root.querySelectorAll(".message");
    if (rows.length && !this.root.querySelector('.message[tabindex="0"]')) rows[rows.length - 1].tabIndex = 0;
  }

  walk(event) {
    const row = event.target;
    if (!row.classList.contains("message") || !["ArrowUp", "ArrowDown"].includes(event.key)) return;
    const rows = [...this.root.querySelectorAll(".message")];
    const next = rows[rows.indexOf(row) + (event.key === "ArrowUp" ? -1 : 1)];
    event.preventDefault();
    if (!next) return;
    row.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }

  show(ts) {
    const row = this.root.querySelector(`[data-ts="${CSS.escape(ts)}"]`);
    row?.scrollIntoView({ block: "center" });
    row?.classList.add("flash");
    setTimeout(() => row?.classList.remove("flash"), 2000);
    return Boolean(row);
  }
}

const divider = (key, kind, words) => ({
  key,
  mark: words,
  make: () => h(`div.divider.${kind}`, { role: "separator", "aria-label": words }, h("span", {}, words)),
});

function joins(message, before, pinned) {
  if (!before || before.subtype !== message.subtype || pinned || message.is_ephemeral || before.is_ephemeral) return false;
  const same = before.user === message.user && before.bot_id === message.bot_id && before.username === message.username;
  return same && dayKey(before.ts) === dayKey(message.ts) && seconds(message.ts) - seconds(before.ts) < JOIN_WITHIN;
}
