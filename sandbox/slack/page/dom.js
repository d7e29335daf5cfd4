// Builds DOM nodes. Whatever people or apps wrote becomes a text node here, never markup.

/** h("button.primary", {onclick: f, "aria-label": "Send"}, "Send") */
export function h(selector, props = {}, ...children) {
  const [tag, ...classes] = selector.split(".");
  const node = document.createElement(tag || "div");
  if (classes.length) node.className = classes.join(" ");
  for (const [name, value] of Object.entries(props)) setProp(node, name, value);
  append(node, children);
  return node;
}

function setProp(node, name, value) {
  if (value === undefined || value === null || value === false) return;
  if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
  else if (name === "value" || name === "checked" || name === "selected" || name === "indeterminate") node[name] = value;
  else node.setAttribute(name, value === true ? "" : String(value));
}

export function append(node, children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false || child === "") continue;
    node.append(child instanceof Node ? child : String(child));
  }
  return node;
}

export function replace(node, ...children) {
  node.replaceChildren();
  return append(node, children);
}

export const $ = (id) => document.getElementById(id);

const ICONS = {
  menu: "M3 6h18M3 12h18M3 18h18",
  close: "M5 5l14 14M19 5L5 19",
  hash: "M9 4L7 20M17 4l-2 16M4 9h17M3 15h17",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  send: "M4 12l16-7-6 15-3-6z",
  reply: "M4 5h16v11H11l-5 4v-4H4z",
  smile: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM8.5 14.5c2 2.4 5 2.4 7 0M9 9.5v.5M15 9.5v.5",
  more: "M12 5.5v.5M12 12v.5M12 18.5v.5",
  pin: "M9 4h6l-1 6 4 4H6l4-4zM12 14v6",
  bookmark: "M7 4h10v16l-5-4-5 4z",
  users: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c0-4 3-6 6.5-6s6.5 2 6.5 6M16 4.5a3.5 3.5 0 0 1 0 6.2M18 14.5c2.2.7 3.5 2.6 3.5 5.5",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.5 1.5M17.5 17.5L19 19M19 5l-1.5 1.5M6.5 17.5L5 19",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z",
  shop: "M4 10v10h16V10M3 10l2-6h14l2 6M3 10c0 3 4.5 3 4.5 0 0 3 4.5 3 4.5 0 0 3 4.5 3 4.5 0 0 3 4.5 3 4.5 0",
  file: "M6 3h8l4 4v14H6zM14 3v4h4M9 12h6M9 16h6",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  eye: "M2 12s3.5-6.5 10-6.5S22 12 22 12s-3.5 6.5-10 6.5S2 12 2 12zM12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z",
  home: "M4 11l8-7 8 7v9h-5v-6H9v6H4z",
  check: "M5 12.5l4.5 4.5L19 7",
  chevron: "M7 10l5 5 5-5",
  play: "M8 5l11 7-11 7z",
  link: "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1",
};

/** A line icon that takes the colour of the text around it and is silent to screen readers. */
export function icon(name, size = 18) {
  const svg = svgNode("svg", { viewBox: "0 0 24 24", width: size, height: size, class: "icon", "aria-hidden": "true" });
  svg.append(svgNode("path", { d: ICONS[name] }));
  return svg;
}

export function svgNode(tag, attributes) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

export function iconButton(name, label, onclick, props = {}) {
  return h("button.icon-button", { type: "button", "aria-label": label, title: label, onclick, ...props }, icon(name));
}

/** Only these schemes may become a link: everything else an author wrote stays text. */
export function safeUrl(url) {
  return /^(https?:\/\/|mailto:)/i.test(url) ? url : null;
}

export function anchor(url, ...children) {
  const href = safeUrl(url);
  if (!href) return h("span", {}, ...children);
  return h("a", { href, target: "_blank", rel: "noopener noreferrer" }, ...children);
}

/** Opens a small menu of {label, run, danger} under its button; arrow keys move, Escape closes. */
export function openMenu(button, items, label) {
  const menu = h("div.menu", { role: "menu", "aria-label": label });
  const close = () => {
    menu.remove();
    button.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", outside, true);
  };
  const outside = (event) => menu.contains(event.target) || close();
  const choose = (item) => () => {
    close();
    button.focus();
    item.run();
  };
  append(menu, items.map((item) => menuItem(item, choose(item))));
  menu.addEventListener("keydown", (event) => menuKey(event, menu, () => (close(), button.focus())));
  document.body.append(menu);
  place(menu, button);
  button.setAttribute("aria-expanded", "true");
  document.addEventListener("pointerdown", outside, true);
  menu.querySelector("button:not([disabled])")?.focus();
}

function menuItem(item, onclick) {
  const props = { type: "button", role: "menuitem", onclick, "data-testid": item.testid };
  return h(item.danger ? "button.menu-item.danger" : "button.menu-item", props, item.icon, h("span.grow", {}, item.label), item.note);
}

function menuKey(event, menu, close) {
  const items = [...menu.querySelectorAll("button")];
  const at = items.indexOf(document.activeElement);
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) items[(at + step + items.length) % items.length].focus();
  else if (event.key === "Escape" || event.key === "Tab") close();
  else return;
  event.preventDefault();
  event.stopPropagation();
}

function place(menu, button) {
  const at = button.getBoundingClientRect();
  const size = menu.getBoundingClientRect();
  const below = at.bottom + 4 + size.height <= innerHeight;
  menu.style.top = `${Math.max(8, below ? at.bottom + 4 : at.top - size.height - 4)}px`;
  menu.style.left = `${Math.max(8, Math.min(at.left, innerWidth - size.width - 8))}px`;
}

/** Says something in passing at the bottom of the page, also to screen readers. */
export function toast(text, kind = "info") {
  const node = h(`div.toast.${kind}`, { role: "status" }, text);
  $("toasts").append(node);
  setTimeout(() => node.remove(), 6000);
}
