// An app's modals: draws the top of the stack of views, collects what was entered, submits.

import { act } from "./api.js";
import { blocks } from "./blocks.js";
import { attempt } from "./calls.js";
import { dialog } from "./dialogs.js";
import { h, iconButton, replace } from "./dom.js";
import { entered } from "./elements.js";
import { textObject as text } from "./mrkdwn.js";
import { person, store } from "./store.js";

const shown = { node: null, id: "", mark: "" };
const typed = new Map();

/** Draws the top of the acting person's stack of views; draws again only if it changed. */
export function drawViews() {
  const view = store.views[store.views.length - 1];
  const mark = view ? `${store.me}/${view.id}/${view.hash}` : "";
  if (mark === shown.mark) return;
  shown.mark = mark;
  if (!view || view.id !== shown.id) dismiss();
  if (view) drawView(view, {});
}

function dismiss() {
  shown.node?.close();
  Object.assign(shown, { node: null, id: "" });
}

function drawView(view, errors) {
  if (!shown.node) {
    shown.node = dialog({ "data-testid": "modal", "aria-labelledby": "modal-title" });
    shown.node.addEventListener("cancel", (event) => (event.preventDefault(), leave()));
    shown.id = view.id;
  }
  const focused = document.activeElement?.closest?.("[data-block-id]")?.dataset.blockId;
  const surface = surfaceOf(view, errors);
  replace(shown.node, form(view, surface));
  focusOn(shown.node, Object.keys(errors)[0] ?? focused);
}

function surfaceOf(view, errors) {
  if (!typed.has(view.id)) typed.set(view.id, new Map());
  const press = (action, value) => attempt(() => act("press", { view_id: view.id, ...action, value, values: entered(typed.get(view.id), view.blocks) }));
  return { kind: "modal", name: view.id, typed: typed.get(view.id), errors, press };
}

function form(view, surface) {
  const wait = h("span.waiting", { hidden: true }, "Sending…");
  const submit = view.submit && h("button.button.primary", { type: "submit", "data-testid": "modal-submit" }, text(view.submit));
  const close = h("button.button", { type: "button", onclick: leave, "data-testid": "modal-close" }, view.close ? text(view.close) : "Close");
  return h(
    "form.dialog-form",
    { novalidate: true, onsubmit: (event) => (event.preventDefault(), submitted(view, submit, wait)) },
    h("header.dialog-head", {}, h("h2", { id: "modal-title" }, text(view.title)), iconButton("close", "Close", leave)),
    h("div.dialog-body", {}, blocks(view.blocks, surface)),
    h("footer.dialog-foot", {}, h("span.acting.grow", {}, `as ${person(store.me).name}`), wait, close, submit),
  );
}

function focusOn(node, blockId) {
  const wanted = blockId && node.querySelector(`[data-block-id="${CSS.escape(blockId)}"]`);
  const first = node.querySelector(".dialog-body input, .dialog-body textarea, .dialog-body select, .dialog-body button");
  (wanted?.matches("input,textarea,select,button") ? wanted : (wanted?.querySelector("input") ?? first))?.focus();
}

function leave() {
  const view = store.views[store.views.length - 1];
  if (view) attempt(() => act("close_view", { view_id: view.id }));
}

async function submitted(view, submit, wait) {
  const missing = required(view);
  if (Object.keys(missing).length) return drawView(view, missing);
  submit.disabled = true;
  wait.hidden = false;
  const answer = await attempt(() => act("submit", { view_id: view.id, values: entered(typed.get(view.id), view.blocks) }));
  if (shown.id !== view.id) return;
  drawView(store.views[store.views.length - 1] ?? view, answer?.errors ?? {});
}

function required(view) {
  const now = entered(typed.get(view.id), view.blocks);
  const empty = (value) => value === undefined || value === null || value === "" || value.length === 0;
  const lacking = view.blocks.filter((block) => block.type === "input" && !block.optional && empty(now[block.block_id]));
  return Object.fromEntries(lacking.map((block) => [block.block_id, "Please complete this required field."]));
}
