// The box to write in: grows with its text, completes while typing, runs slash commands.

import { h, iconButton, replace } from "./dom.js";
import { complete, encode } from "./completion.js";

const drafts = new Map();

export class Composer {
  /** `send(text)` gets mrkdwn, `run(text)` a slash command as typed; a false answer keeps what was typed. */
  constructor(root, { name, send, run }) {
    Object.assign(this, { root, name, send, run, at: 0, offer: { items: [] }, away: false, key: "" });
    this.list = h("ul.completion", { id: `${name}-completion`, role: "listbox", "aria-label": "Suggestions", hidden: true, "data-testid": `${name}-completion` });
    this.hint = h("div.usage", { id: `${name}-usage`, hidden: true, "data-testid": `${name}-usage` });
    this.field = this.makeField();
    this.button = iconButton("send", "Send", () => this.submit(), { "data-testid": `${name}-send`, disabled: true });
    this.button.classList.add("send");
    replace(root, this.list, this.hint, h("div.composer-box", {}, this.field, this.button));
  }

  makeField() {
    const field = h("textarea", {
      rows: 1,
      "aria-controls": `${this.name}-completion`,
      "aria-autocomplete": "list",
      "data-testid": `${this.name}-composer`,
      spellcheck: "true",
    });
    field.addEventListener("input", () => this.changed());
    field.addEventListener("keydown", (event) => this.keyed(event));
    field.addEventListener("blur", () => setTimeout(() => document.activeElement === field || this.sendAway(), 120));
    return field;
  }

  /** Turns to another conversation; what was typed in the one before is kept there. */
  turn(key, label, disabled = "") {
    this.field.placeholder = disabled || label;
    this.field.setAttribute("aria-label", label);
    this.field.disabled = Boolean(disabled);
    this.root.classList.toggle("off", Boolean(disabled));
    this.button.disabled = Boolean(disabled) || !this.field.value.trim();
    if (key === this.key) return;
    const before = this.key;
    this.key = key;
    if (!before) return this.renew();
    drafts.set(before, this.field.value);
    this.write(drafts.get(key) ?? "");
  }

  /** What was typed before the first conversation was read stays, and so does what was chosen for it or sent away. */
  renew() {
    if (this.away) return;
    const chosen = this.offer.items[this.at]?.name;
    this.changed();
    this.choose(Math.max(0, this.offer.items.findIndex((item) => item.name === chosen)));
  }

  write(text) {
    this.field.value = text;
    this.changed();
  }

  focus() {
    this.field.focus({ preventScroll: true });
  }

  changed() {
    this.away = false;
    this.field.style.height = "auto";
    this.field.style.height = `${Math.min(this.field.scrollHeight, 220)}px`;
    this.button.disabled = !this.field.value.trim();
    this.offering(complete(this.field.value, this.field.selectionStart));
  }

  offering(offer) {
    this.offer = offer;
    this.list.hidden = offer.items.length === 0;
    replace(this.list, offer.items.map((item, index) => this.option(item, index)));
    this.hint.hidden = !offer.hint || offer.items.length > 0;
    if (offer.hint) replace(this.hint, h("b", {}, offer.hint.command), " ", h("span.usage-words", {}, offer.hint.usage), h("span.note", {}, offer.hint.note));
    this.choose(0);
  }

  sendAway(hint) {
    this.away = true;
    this.offering({ items: [], hint });
  }

  option(item, index) {
    const words = [item.label, item.usage && h("span.usage-words", {}, item.usage), item.note && h("span.note", {}, item.note)];
    const take = (event) => (event.preventDefault(), this.take(index));
    return h("li.option", { id: `${this.name}-option-${index}`, role: "option", "data-name": item.name, onpointerdown: take }, words);
  }

  choose(at) {
    this.at = at;
    [...this.list.children].forEach((node, index) => {
      node.setAttribute("aria-selected", String(index === at));
      if (index === at) node.scrollIntoView({ block: "nearest" });
    });
    const active = this.offer.items.length ? `${this.name}-option-${at}` : "";
    this.field.setAttribute("aria-activedescendant", active);
  }

  take(index) {
    const { items, from, to } = this.offer;
    const { insert, run } = items[index];
    if (run) return void (this.write(""), run());
    const rest = this.field.value.slice(to).replace(/^ /, "");
    this.field.value = this.field.value.slice(0, from) + insert + rest;
    this.field.setSelectionRange(from + insert.length, from + insert.length);
    this.changed();
    this.focus();
  }

  keyed(event) {
    if (event.isComposing) return;
    if (this.offer.items.length && this.choosing(event)) return event.preventDefault();
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.submit();
    }
  }

  choosing({ key, shiftKey }) {
    const count = this.offer.items.length;
    const step = { ArrowDown: 1, ArrowUp: -1 }[key];
    if (step) this.choose((this.at + step + count) % count);
    else if (key === "Escape") this.sendAway(this.offer.hint);
    else if ((key === "Tab" || key === "Enter") && !shiftKey) return this.takeOrSend(key);
    return Boolean(step) || key === "Escape";
  }

  /** Enter on a name that is already complete sends instead of completing it once more. */
  takeOrSend(key) {
    const { items, from, to } = this.offer;
    const typed = this.field.value.slice(from, to);
    if (key === "Enter" && items[this.at].insert?.trim() === typed) return false;
    this.take(this.at);
    return true;
  }

  async submit() {
    const text = this.field.value.trim();
    if (!text || this.field.disabled) return;
    this.write("");
    const isCommand = /^\/[a-z]/i.test(text);
    const done = await (isCommand ? this.run(text) : this.send(encode(text)));
    if (done === undefined && !this.field.value) this.write(text);
  }
}

