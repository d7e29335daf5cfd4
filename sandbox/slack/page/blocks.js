// Renders Block Kit blocks on a surface (message, modal or home).

import { h, safeUrl } from "./dom.js";
import { element } from "./elements.js";
import { markdown } from "./markdown.js";
import { textObject as text } from "./mrkdwn.js";
import { richText } from "./richtext.js";

/** `surface.errors` maps block ids to what is wrong with their input. */
export function blocks(list, surface) {
  return list.map((block, index) => {
    const node = BLOCKS[block.type]?.(block, surface, block.block_id ?? `block-${index}`);
    return node ?? h("div.unsupported", {}, `[${block.type}]`);
  });
}

function section(block, surface, id) {
  const words = block.text && h("div.section-text", {}, text(block.text));
  const fields = block.fields && h("div.fields", {}, block.fields.map((field) => h("div.field-cell", {}, text(field))));
  const side = block.accessory && h("div.accessory", {}, element(block.accessory, id, surface));
  return h("div.block.section", {}, h("div.grow", {}, words, fields), side);
}

const actions = (block, surface, id) =>
  h("div.block.actions", {}, block.elements.map((one) => element(one, id, surface)));

function context(block, surface, id) {
  const part = (one) => (one.type === "image" ? element(one, id, surface) : h("span", {}, text(one)));
  return h("div.block.context", {}, block.elements.map(part));
}

function image(block) {
  const src = safeUrl(block.image_url ?? "");
  const title = block.title && h("figcaption", {}, text(block.title));
  return h("figure.block.image", {}, title, src ? h("img", { src, alt: block.alt_text, loading: "lazy" }) : block.alt_text);
}

function input(block, surface, id) {
  const wrong = surface.errors?.[id];
  const field = element({ ...block.element, dispatch: block.dispatch_action }, id, surface, !block.dispatch_action);
  const name = `label-${surface.name}-${id}`;
  field.setAttribute("aria-labelledby", name);
  field.removeAttribute("aria-label");
  if (wrong) field.setAttribute("aria-invalid", "true");
  const optional = block.optional && h("span.optional", {}, " (optional)");
  return h(
    wrong ? "div.block.input.wrong" : "div.block.input",
    { "data-testid": `input-${id}` },
    h("div.label", { id: name }, text(block.label), optional),
    field,
    wrong && h("div.error", { role: "alert", "data-testid": `error-${id}` }, wrong),
    block.hint && h("div.hint", {}, text(block.hint)),
  );
}

function table(block, surface) {
  const cell = (one) => (one.type === "rich_text" ? richText(one) : one.text);
  const side = (index) => `align-${block.column_settings?.[index]?.align ?? "left"}`;
  const row = (cells, at) => h("tr", {}, cells.map((one, index) => h(`${at ? "td" : "th"}.${side(index)}`, {}, cell(one, surface))));
  return h("div.block.table-scroll", {}, h("table", {}, block.rows.map(row)));
}

const BLOCKS = {
  header: (block) => h("div.block.header", { role: "heading", "aria-level": "4" }, text(block.text)),
  section,
  context,
  actions,
  image,
  input,
  table,
  divider: () => h("hr.block.divider"),
  rich_text: (block) => h("div.block", {}, richText(block)),
  markdown: (block) => h("div.block.markdown", {}, markdown(block.text)),
};
