// Renders Markdown (files, canvases and markdown blocks) as DOM nodes.

import { anchor, h } from "./dom.js";
import { picture } from "./emoji.js";

/** A fragment; raw HTML in the source stays text. */
export function markdown(source) {
  const out = document.createDocumentFragment();
  const lines = source.replace(/\r\n?/g, "\n").split("\n");
  for (let at = 0; at < lines.length; ) {
    const rule = BLOCKS.find(([starts]) => starts(lines[at], lines[at + 1]));
    const [node, next] = rule ? rule[1](lines, at) : paragraph(lines, at);
    if (node) out.append(node);
    at = next;
  }
  return out;
}

const ITEM = /^(\s*)([-*+]|\d+[.)])\s+(.*)$/;
const RULE = /^ {0,3}([-*_])( *\1){2,}\s*$/;
const isTable = (line, next) => line.includes("|") && /^\s*\|?[\s:|-]*-[\s:|-]*$/.test(next ?? "") && (next ?? "").includes("|");

const BLOCKS = [
  [(line) => !line.trim(), (lines, at) => [null, at + 1]],
  [(line) => /^\s*(```|~~~)/.test(line), fence],
  [(line) => /^#{1,6}\s/.test(line), heading],
  [(line) => RULE.test(line), (lines, at) => [h("hr"), at + 1]],
  [(line) => /^\s*>/.test(line), quote],
  [isTable, table],
  [(line) => ITEM.test(line), list],
  [(line) => /^\s*<!--/.test(line), comment],
];

function comment(lines, at) {
  const end = lines.findIndex((line, index) => index >= at && line.includes("-->"));
  return [null, end < 0 ? lines.length : end + 1];
}

function fence(lines, at) {
  const mark = lines[at].trim().slice(0, 3);
  const found = lines.findIndex((line, index) => index > at && line.trim().startsWith(mark));
  const end = found < 0 ? lines.length : found;
  return [h("pre", {}, lines.slice(at + 1, end).join("\n")), end + 1];
}

function heading(lines, at) {
  const [, marks, text] = /^(#{1,6})\s+(.*?)\s*#*$/.exec(lines[at]) ?? [null, "#", lines[at]];
  return [h(`h${marks.length}`, {}, spans(text)), at + 1];
}

function quote(lines, at) {
  const end = run(lines, at, (line) => /^\s*>/.test(line));
  const inner = lines.slice(at, end).map((line) => line.replace(/^\s*> ?/, ""));
  return [h("blockquote", {}, markdown(inner.join("\n"))), end];
}

function table(lines, at) {
  const end = run(lines, at + 2, (line) => line.includes("|") && line.trim());
  const row = (line, tag) => h("tr", {}, cells(line).map((cell) => h(tag, {}, spans(cell))));
  const head = cells(lines[at]).some(Boolean) && h("thead", {}, row(lines[at], "th"));
  const body = lines.slice(at + 2, end).map((line) => row(line, "td"));
  return [h("div.table-scroll", {}, h("table", {}, head, h("tbody", {}, body))), end];
}

const cells = (line) =>
  line.trim().replace(/^\||(?<!\\)\|$/g, "").split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));

function run(lines, at, holds) {
  let end = at;
  while (end < lines.length && holds(lines[end])) end += 1;
  return end;
}

/** Items of one indent; deeper lines are rendered inside their item. */
function list(lines, at) {
  const [, indent, mark] = ITEM.exec(lines[at]);
  const ordered = /\d/.test(mark);
  const node = h(ordered ? "ol" : "ul", { start: ordered ? Number.parseInt(mark, 10) : null });
  while (at < lines.length) {
    const item = ITEM.exec(lines[at]);
    if (!item || item[1].length !== indent.length || /\d/.test(item[2]) !== ordered) break;
    const end = run(lines, at + 1, (line) => line.trim() && line.search(/\S/) > indent.length);
    node.append(listItem(item[3], lines.slice(at + 1, end)));
    at = end;
  }
  return [node, at];
}

function listItem(text, inner) {
  const task = /^\[([ xX])\]\s+(.*)$/.exec(text);
  const depth = Math.min(...inner.map((line) => line.search(/\S/)));
  const box = task && h("input", { type: "checkbox", disabled: true, checked: task[1] !== " ", "aria-label": "done" });
  const below = inner.length ? markdown(inner.map((line) => line.slice(depth)).join("\n")) : null;
  return h(task ? "li.task" : "li", {}, box, spans(task ? task[2] : text), below);
}

function paragraph(lines, at) {
  const end = run(lines, at + 1, (line, next) => !BLOCKS.some(([starts]) => starts(line, next)));
  const parts = lines.slice(at, end).flatMap((line, index) => (index ? [h("br"), spans(line.trim())] : [spans(line.trim())]));
  return [h("p", {}, parts), end];
}

const SPAN =
  /\\([\\`*_{}[\]()#+\-.!|>~])|(`+)(.+?)\2(?!`)|!?\[([^\]]*)\]\(([^()\s]+(?:\([^()]*\)[^()\s]*)?)(?:\s+"[^"]*")?\)|<(https?:\/\/[^>\s]+)>|(https?:\/\/[^\s<>()]+[^\s<>().,;:!?'"])|(\*\*|__)(?=\S)(.+?\S?)\8|(?<![\p{L}\p{N}])([*_])(?=\S)(.+?)(?<=\S)\10(?![\p{L}\p{N}])|~~(.+?)~~|:([a-z0-9_+-]+):/gu;

export function spans(text) {
  const out = document.createDocumentFragment();
  let from = 0;
  for (const found of text.matchAll(SPAN)) {
    out.append(characters(text.slice(from, found.index)), span(found));
    from = found.index + found[0].length;
  }
  out.append(characters(text.slice(from)));
  return out;
}

const ENTITIES = { "&lt;": "<", "&gt;": ">", "&amp;": "&", "&quot;": '"' };
const characters = (text) => text.replace(/&(?:lt|gt|amp|quot);/g, (entity) => ENTITIES[entity]);

function span([whole, escaped, , code, label, target, angled, url, , bold, , italic, strike, short]) {
  if (escaped) return escaped;
  if (code !== undefined) return h("code", {}, code.trim());
  if (target) return anchor(target.replace(/^<(.*)>$/, "$1"), spans(label));
  if (angled || url) return anchor(angled || url, angled || url);
  if (bold) return h("strong", {}, spans(bold));
  if (italic) return h("em", {}, spans(italic));
  if (strike) return h("s", {}, spans(strike));
  return picture(short) ?? whole;
}
