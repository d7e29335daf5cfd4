// Renders Block Kit's interactive elements. Each tells its surface what was pressed or chosen.

import { confirmBox } from "./dialogs.js";
import { h, iconButton, openMenu, safeUrl } from "./dom.js";
import { textObject } from "./mrkdwn.js";
import { channelNamed, humans, store } from "./store.js";
import { fromLocalInput, localInput } from "./time.js";

/**
 * A surface is where blocks stand: {kind, typed: Map, press(action, value)}. `typed` keeps what a person entered
 * but did not send yet, so that a view drawn again does not lose it.
 */
export function element(spec, blockId, surface, inInput = false) {
  const make = ELEMENTS[spec.type];
  if (!make) return h("span.unsupported", {}, `[${spec.type}]`);
  const place = { key: `${blockId}/${spec.action_id}`, blockId, surface, inInput };
  const node = make(spec, place);
  node.dataset.actionId = spec.action_id ?? "";
  node.dataset.blockId = blockId;
  return node;
}

async function chosen(spec, place, value, node) {
  if (!["button", "overflow"].includes(spec.type)) place.surface.typed.set(place.key, value);
  if (place.inInput) return;
  if (spec.confirm && !(await confirmBox(spec.confirm))) return;
  node?.setAttribute("aria-busy", "true");
  try {
    await place.surface.press({ action_id: spec.action_id, block_id: place.blockId }, value);
  } finally {
    node?.removeAttribute("aria-busy");
  }
}

/** What was entered, by block id; blocks with several elements are left out, their elements speak one at a time. */
export function entered(typed, blocks) {
  const single = new Set(blocks.filter((block) => block.element || block.accessory).map((block) => block.block_id));
  const values = [...typed].map(([key, value]) => [key.slice(0, key.lastIndexOf("/")), value]);
  return Object.fromEntries(values.filter(([block, value]) => single.has(block) && value !== undefined));
}

const hint = (spec, otherwise) => (spec.placeholder ? textObject(spec.placeholder) : otherwise);
const initial = (place, fallback) => (place.surface.typed.has(place.key) ? place.surface.typed.get(place.key) : fallback);

function remember(place, fallback) {
  const value = initial(place, fallback);
  if (value !== undefined && value !== null) place.surface.typed.set(place.key, value);
  return value;
}

function button(spec, place) {
  const kind = spec.style ? `button.button.${spec.style}` : "button.button";
  const node = h(kind, { type: "button", "aria-label": spec.accessibility_label }, textObject(spec.text));
  node.addEventListener("click", () => {
    if (spec.url && safeUrl(spec.url)) window.open(spec.url, "_blank", "noopener");
    chosen(spec, place, spec.value, node);
  });
  return node;
}

function select(spec, place, options, picked) {
  const value = remember(place, picked) ?? "";
  const blank = h("option", { value: "", disabled: place.inInput ? null : true }, hint(spec, "Choose…"));
  const node = h("select.select", { "aria-label": hint(spec, "Choose") }, blank, options);
  node.value = value;
  if (node.selectedIndex < 0) {
    node.value = ""; // what was chosen is not offered any more
    place.surface.typed.delete(place.key);
  }
  node.addEventListener("change", () => chosen(spec, place, node.value || null, node));
  return node;
}

const option = (one) => h("option", { value: one.value }, textObject(one.text));

function staticSelect(spec, place) {
  const grouped = (spec.option_groups ?? []).map((group) => h("optgroup", { label: textObject(group.label) }, group.options.map(option)));
  return select(spec, place, spec.options ? spec.options.map(option) : grouped, spec.initial_option?.value);
}

const people = () => humans().map((one) => h("option", { value: one.id }, one.name));
const channels = () => [...store.channels.values()].filter((one) => !one.archived).map((one) => h("option", { value: one.id }, `#${channelNamed(one.id).name}`));

function multi(options, picked) {
  return (spec, place) => {
    const now = new Set(remember(place, picked(spec)));
    const boxes = options(spec).map(({ value, label }) => choiceBox("checkbox", place, { value, label }, now.has(value)));
    return h("div.choices.multi", { role: "group" }, boxes, listenChoices(spec, place));
  };
}

const specOptions = (spec) => (spec.options ?? []).map((one) => ({ value: one.value, label: textObject(one.text) }));

function choiceBox(type, place, one, on) {
  const input = h("input", { type, name: place.key, value: one.value, checked: on });
  const words = h("span", {}, one.label, one.note ? h("span.note", {}, one.note) : null);
  return h("label.choice", {}, input, words);
}

/** A hook that is appended to a group of choices and reports the group's value. */
function listenChoices(spec, place) {
  const hook = h("span", { hidden: true });
  queueMicrotask(() => {
    hook.parentElement?.addEventListener("change", (event) => {
      const on = [...event.currentTarget.querySelectorAll("input:checked")].map((input) => input.value);
      chosen(spec, place, spec.type === "radio_buttons" ? on[0] : on);
    });
  });
  return hook;
}

function choices(type, picked) {
  return (spec, place) => {
    const now = [remember(place, picked(spec)) ?? []].flat();
    const note = (one) => one.description && textObject(one.description);
    const boxes = spec.options.map((one) =>
      choiceBox(type, place, { value: one.value, label: textObject(one.text), note: note(one) }, now.includes(one.value)),
    );
    return h("div.choices", { role: type === "radio" ? "radiogroup" : "group" }, boxes, listenChoices(spec, place));
  };
}

function overflow(spec, place) {
  const node = iconButton("more", "More actions", () => {
    const items = spec.options.map((one) => ({
      label: textObject(one.text),
      run: () => {
        if (one.url && safeUrl(one.url)) window.open(one.url, "_blank", "noopener");
        chosen(spec, place, one.value, node);
      },
    }));
    openMenu(node, items, "More actions");
  });
  node.setAttribute("aria-haspopup", "menu");
  node.classList.add("overflow");
  return node;
}

function picker(type, picked, read = (value) => value, show = (value) => value) {
  return (spec, place) => {
    const now = remember(place, picked(spec));
    const node = h("input.field", { type, value: now ? show(now) : "", "aria-label": hint(spec, type) });
    node.addEventListener("change", () => chosen(spec, place, node.value ? read(node.value) : null, node));
    return node;
  };
}

function textInput(type) {
  return (spec, place) => {
    const props = {
      placeholder: hint(spec, null),
      maxlength: spec.max_length,
      minlength: spec.min_length,
      "aria-label": hint(spec, null),
    };
    const now = remember(place, spec.initial_value ?? "");
    const node = spec.multiline ? h("textarea.field", { ...props, rows: 4 }) : h("input.field", { ...props, type });
    node.value = now;
    node.addEventListener("input", () => place.surface.typed.set(place.key, node.value));
    const wanted = spec.dispatch_action_config?.trigger_actions_on ?? ["on_enter_pressed"];
    if (spec.dispatch) node.addEventListener("keydown", (event) => dispatchKey(event, wanted, spec, place, node));
    return node;
  };
}

function dispatchKey(event, wanted, spec, place, node) {
  if (event.key !== "Enter" || !wanted.includes("on_enter_pressed") || spec.multiline) return;
  event.preventDefault();
  place.surface.press({ action_id: spec.action_id, block_id: place.blockId }, node.value);
}

function image(spec) {
  const src = safeUrl(spec.image_url ?? "");
  return src ? h("img.accessory-image", { src, alt: spec.alt_text ?? "", loading: "lazy" }) : h("span.note", {}, spec.alt_text ?? "");
}

const ELEMENTS = {
  button,
  overflow,
  image,
  static_select: staticSelect,
  users_select: (spec, place) => select(spec, place, people(), spec.initial_user),
  channels_select: (spec, place) => select(spec, place, channels(), spec.initial_channel),
  conversations_select: (spec, place) => select(spec, place, channels(), spec.initial_conversation),
  multi_static_select: multi(specOptions, (spec) => (spec.initial_options ?? []).map((one) => one.value)),
  multi_users_select: multi(
    () => humans().map((one) => ({ value: one.id, label: one.name })),
    (spec) => spec.initial_users ?? [],
  ),
  radio_buttons: choices("radio", (spec) => spec.initial_option?.value),
  checkboxes: choices("checkbox", (spec) => (spec.initial_options ?? []).map((one) => one.value)),
  datepicker: picker("date", (spec) => spec.initial_date),
  timepicker: picker("time", (spec) => spec.initial_time),
  datetimepicker: picker("datetime-local", (spec) => spec.initial_date_time, fromLocalInput, localInput),
  plain_text_input: textInput("text"),
  email_text_input: textInput("email"),
  url_text_input: textInput("url"),
  number_input: textInput("number"),
};

