// Renders Slack's mrkdwn as DOM nodes: formatting, mentions, links, dates, emoji, quotes, lists and code.

import { anchor, append, h, safeUrl } from "./dom.js";
import { emoji, picture } from "./emoji.js";
import { channelNamed, person, store } from "./store.js";
import { dateText, full } from "./time.js";

const unescape = (text) => text.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

/** `verbatim` leaves bare addresses alone, as apps may ask for. */
export function mrkdwn(text, { verbatim = false } = {}) {
  const out = document.createDocumentFragment();
  text.split("```").forEach((part, index, parts) => {
    if (index % 2 === 1 && index < parts.length - 1) out.append(h("pre", {}, codeText(part)));
    else append(out, prose(index % 2 === 1 ? "```" + part : trimBreaks(part, index, parts.length), verbatim));
  });
  return out;
}

const codeText = (part) => unescape(part.replace(/^\n/, "").replace(/\n$/, "").replace(/<([@#!]?)([^|<>]+)(?:\|([^<>]*))?>/g, named));

/** A reference inside code, which shows no formatting: the name only. */
function named(whole, mark, target, label) {
  if (mark === "@") return `@${store.people.get(target)?.handle ?? label ?? target}`;
  if (mark === "#") return `#${store.channels.get(target)?.name ?? label ?? target}`;
  return label ?? (mark ? `@${target}` : target);
}

function trimBreaks(part, index, count) {
  const start = index > 0 ? part.replace(/^\n/, "") : part;
  return index < count - 1 ? start.replace(/\n$/, "") : start;
}

function prose(text, verbatim) {
  const nodes = [];
  let group = null;
  text.split("\n").forEach((line, index) => {
    const kind = lineKind(line);
    if (group && group.kind !== kind) group = flush(group, nodes, verbatim);
    if (kind) group = { kind, lines: [...(group?.lines ?? []), line] };
    else nodes.push(...lineNodes(line, index, nodes, verbatim));
  });
  if (group) flush(group, nodes, verbatim);
  return nodes;
}

function lineNodes(line, index, nodes, verbatim) {
  const last = nodes[nodes.length - 1];
  const afterBlock = last instanceof HTMLElement && (last.tagName === "BLOCKQUOTE" || last.tagName === "UL");
  const breaks = index > 0 && nodes.length > 0 && !afterBlock;
  return [...(breaks ? [h("br")] : []), inline(line, verbatim)];
}

function lineKind(line) {
  if (/^(&gt;|>)/.test(line)) return "quote";
  if (/^\s*[•◦▪] /.test(line)) return "list";
  return null;
}

function flush(group, nodes, verbatim) {
  const content = (pattern) => group.lines.map((line) => inline(line.replace(pattern, ""), verbatim));
  const bullet = (index) => (/^\s*◦/.test(group.lines[index]) ? "li.sub" : "li");
  if (group.kind === "list") nodes.push(h("ul.plain-list", {}, content(/^\s*[•◦▪] /).map((item, index) => h(bullet(index), {}, item))));
  else nodes.push(h("blockquote", {}, content(/^(&gt;|>) ?/).flatMap((item, index) => (index ? [h("br"), item] : [item]))));
  return null;
}

const TOKEN = /`([^`]+)`|<([^<>]+)>|:([a-z0-9_+'-]+(?:::skin-tone-\d)?):|(https?:\/\/[^\s<>|]+[^\s<>|.,;:!?)'"\]])|([*_~])/gi;
const MARKS = { "*": "strong", _: "em", "~": "s" };

/** One line's formatting as a fragment. */
export function inline(text, verbatim = false) {
  const out = document.createDocumentFragment();
  const scan = new RegExp(TOKEN);
  let from = 0;
  for (let found = scan.exec(text); found; found = scan.exec(text)) {
    const made = token(text, found, verbatim);
    if (!made) continue;
    out.append(unescape(text.slice(from, found.index)), made.node);
    from = scan.lastIndex = made.end ?? scan.lastIndex;
  }
  out.append(unescape(text.slice(from)));
  return out;
}

function token(text, found, verbatim) {
  const [, code, angled, short, url, mark] = found;
  if (code) return { node: h("code", {}, codeText(code)) };
  if (angled) return { node: reference(angled) };
  if (short) return emojiToken(short);
  if (url) return verbatim ? null : { node: anchor(unescape(url), unescape(url)) };
  return formatted(text, found.index, mark, verbatim);
}

function emojiToken(short) {
  const glyph = picture(short);
  return glyph && { node: h("span.emoji", { role: "img", "aria-label": short, title: `:${short}:` }, glyph) };
}

function formatted(text, start, mark, verbatim) {
  const before = text[start - 1] ?? " ";
  if (/[\p{L}\p{N}]/u.test(before) || /\s/.test(text[start + 1] ?? " ") || text[start + 1] === mark) return null;
  for (let end = text.indexOf(mark, start + 2); end > 0; end = text.indexOf(mark, end + 1)) {
    const after = text[end + 1] ?? " ";
    if (/\s/.test(text[end - 1]) || /[\p{L}\p{N}]/u.test(after)) continue;
    return { node: h(MARKS[mark], {}, inline(text.slice(start + 1, end), verbatim)), end: end + 1 };
  }
  return null;
}

function reference(body) {
  const [target, label] = split(body);
  if (target.startsWith("@")) return mention(target.slice(1), label);
  if (target.startsWith("#")) return channelLink(target.slice(1), label);
  if (target.startsWith("!")) return special(target.slice(1), label);
  if (!safeUrl(target)) return h("span", {}, label ? unescape(label) : `<${unescape(target)}>`);
  return anchor(unescape(target), unescape(label ?? target.replace(/^mailto:/, "")));
}

function split(body) {
  const at = body.indexOf("|");
  return at < 0 ? [body, undefined] : [body.slice(0, at), body.slice(at + 1)];
}

export function mention(id, label) {
  const known = store.people.get(id);
  const name = known?.name ?? label ?? id;
  const own = id === store.me ? "span.mention.me" : "span.mention";
  return h(own, { title: known ? `@${person(id).handle}` : null }, `@${name.replace(/^@/, "")}`);
}

export function channelLink(id, label) {
  const name = store.channels.has(id) ? channelNamed(id).name : (label ?? "private channel");
  return h("a.channel-link", { href: `#${store.me}/${id}` }, `#${name}`);
}

function special(body, label) {
  const [kind, ...rest] = body.split("^");
  if (kind === "date") return dateNode(rest, label);
  if (kind === "subteam") return groupMention(rest[0], label);
  if (["here", "channel", "everyone"].includes(kind)) return h("span.mention.me", {}, `@${kind}`);
  return h("span", {}, unescape(label ?? `<!${body}>`));
}

export function groupMention(id, label) {
  const group = store.groups.get(id);
  const own = group?.users.includes(store.me) ? "span.mention.me" : "span.mention";
  return h(own, { title: group?.name }, `@${(group?.handle ?? label ?? id).replace(/^@/, "")}`);
}

export function dateNode([epoch, pattern, link], label) {
  if (!/^\d+$/.test(epoch ?? "") || !pattern) return h("span", {}, unescape(label ?? ""));
  const shown = h("time", { title: full(epoch), datetime: new Date(epoch * 1000).toISOString() }, dateText(Number(epoch), unescape(pattern)));
  return link ? anchor(unescape(link), shown) : shown;
}

/** Block Kit's text object: plain_text shows as it is, but for emoji; mrkdwn is formatted. */
export function textObject(object) {
  if (object.type === "mrkdwn") return mrkdwn(object.text, { verbatim: object.verbatim === true });
  if (object.emoji === false) return object.text;
  return object.text.replace(/:([a-z0-9_+-]+):/g, (whole, short) => emoji(short) ?? whole);
}

/** The text as it reads without formatting, for previews and labels. */
export const plain = (text) => mrkdwn(text ?? "").textContent;
