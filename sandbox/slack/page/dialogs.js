// Dialogs: confirmations and previews. The browser keeps the focus inside.

import { $, append, h, iconButton } from "./dom.js";
import { plain, textObject as text } from "./mrkdwn.js";

export function dialog(props, ...children) {
  const node = h("dialog.dialog", props, ...children);
  $("modals").append(node);
  node.addEventListener("close", () => node.remove());
  node.showModal();
  return node;
}

/** Asks what an app wants to have confirmed; resolves to true or false. */
export function confirmBox(confirm) {
  return new Promise((answer) => {
    const node = dialog({ "aria-label": plain(confirm.title.text), "data-testid": "confirm", class: "dialog small" });
    const end = (value) => () => (answer(value), node.close());
    node.addEventListener("cancel", () => answer(false));
    append(node, [
      h("header.dialog-head", {}, h("h2", {}, text(confirm.title)), iconButton("close", "Close", end(false))),
      h("div.dialog-body", {}, text(confirm.text)),
      h(
        "footer.dialog-foot",
        {},
        h("button.button", { type: "button", onclick: end(false) }, text(confirm.deny)),
        confirmButton(confirm, end(true)),
      ),
    ]);
    node.querySelector("footer button:last-child").focus();
  });
}

function confirmButton(confirm, onclick) {
  const kind = confirm.style === "danger" ? "button.button.danger" : "button.button.primary";
  return h(kind, { type: "button", onclick, "data-testid": "confirm-yes" }, text(confirm.confirm));
}

/** Shows some content to read, with a link or two in its head. */
export function showDialog(title, content, tools = []) {
  const node = dialog({ class: "dialog wide", "aria-label": title, "data-testid": "preview" });
  const head = h("header.dialog-head", {}, h("h2", {}, title), tools, iconButton("close", "Close", () => node.close()));
  append(node, [head, h("div.dialog-body.markdown", { tabindex: "0" }, content)]);
  node.addEventListener("click", (event) => event.target === node && node.close());
  return node;
}
