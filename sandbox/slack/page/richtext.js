// Renders rich_text blocks: sections, lists, quotes and code, made of small elements.

import { anchor, h } from "./dom.js";
import { picture } from "./emoji.js";
import { channelLink, dateNode, groupMention, mention } from "./mrkdwn.js";

export const richText = (block) => h("div.rich-text", {}, listed(block.elements));

/** Lists that follow each other with another indent belong inside the item before them. */
function listed(parts) {
  const out = [];
  const open = [];
  for (const part of parts) {
    const made = PARTS[part.type]?.(part) ?? null;
    const indent = part.indent ?? 0;
    while (open.length && (part.type !== "rich_text_list" || open[open.length - 1].indent >= indent)) open.pop();
    const parent = open[open.length - 1]?.node.lastElementChild;
    if (made) parent ? parent.append(made) : out.push(made);
    if (part.type === "rich_text_list") open.push({ indent, node: made });
  }
  return out;
}

const spans = (elements) => elements.map((element) => ELEMENTS[element.type]?.(element) ?? null);

const PARTS = {
  rich_text_section: (part) => h("div.rich-section", {}, spans(part.elements)),
  rich_text_quote: (part) => h("blockquote", {}, spans(part.elements)),
  rich_text_preformatted: (part) => h("pre", {}, spans(part.elements)),
  rich_text_list: (part) => {
    const tag = part.style === "ordered" ? "ol" : "ul";
    return h(tag, { start: part.offset ? part.offset + 1 : null }, part.elements.map((item) => h("li", {}, spans(item.elements))));
  },
};

const ELEMENTS = {
  text: (element) => styled(element, element.text),
  link: (element) => anchor(element.url, styled(element, element.text || element.url)),
  user: (element) => mention(element.user_id),
  usergroup: (element) => groupMention(element.usergroup_id),
  channel: (element) => channelLink(element.channel_id),
  broadcast: (element) => h("span.mention.me", {}, `@${element.range}`),
  emoji: (element) => h("span.emoji", { role: "img", "aria-label": element.name }, picture(element.name) ?? `:${element.name}:`),
  date: (element) => dateNode([String(element.timestamp), element.format, element.url], element.fallback),
  color: (element) => h("code", {}, element.value),
};

function styled(element, text) {
  const tags = { bold: "strong", italic: "em", strike: "s", code: "code" };
  return Object.entries(tags).reduce(
    (node, [style, tag]) => (element.style?.[style] ? h(tag, {}, node) : node),
    h("span.text", {}, text),
  );
}
