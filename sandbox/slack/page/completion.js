// Completion while typing: slash commands with their usage, @people and groups, #channels.

import { act } from "./api.js";
import { attempt } from "./calls.js";
import { h } from "./dom.js";
import { humans, store } from "./store.js";

const MOST = 12;

/** What may stand at the caret: {items, from, to, hint}. An item is {insert or run, label, usage, note, name}. */
export function complete(value, caret) {
  const before = value.slice(0, caret);
  if (/^\/[\w-]*$/.test(before)) return { items: commands(before), from: 0, to: caret };
  const mark = /(^|[\s(])([@#])([\w.-]*)$/.exec(before);
  const hint = usage(value);
  if (!mark) return { items: [], hint };
  const from = caret - mark[3].length - 1;
  const items = mark[2] === "@" ? mentions(mark[3]) : channels(mark[3]);
  return { items, from, to: caret, hint };
}

const starts = (text, typed) => text.toLowerCase().startsWith(typed.toLowerCase());
const within = (text, typed) => text.toLowerCase().includes(typed.toLowerCase());

function commands(typed) {
  const known = store.commands.filter((one) => starts(one.command, typed));
  return [...known.map(asCommand), ...globalShortcuts(typed.slice(1))].slice(0, MOST);
}

const asCommand = (one) => ({
  insert: `${one.command} `,
  label: h("b", {}, one.command),
  usage: one.usage_hint,
  note: one.description,
  name: one.command,
});

/** Shortcuts have no text to insert: taking one uses it. */
function globalShortcuts(typed) {
  const known = store.shortcuts.filter((one) => one.type === "global" && within(one.name, typed));
  return known.map((one) => ({
    run: () => attempt(() => act("shortcut", { callback_id: one.callback_id })),
    label: h("b", {}, one.name),
    note: one.description,
    name: one.callback_id,
  }));
}

/** A command's usage once its name is typed. */
function usage(value) {
  const [name, ...rest] = value.split(/\s/);
  const command = rest.length && store.commands.find((one) => one.command === name);
  return command ? { command: command.command, usage: command.usage_hint ?? "", note: command.description } : null;
}

function mentions(typed) {
  const people = humans().filter((one) => starts(one.handle, typed) || one.name.split(" ").some((part) => starts(part, typed)));
  const groups = [...store.groups.values()].filter((one) => starts(one.handle, typed));
  const wide = ["here", "channel"].filter((one) => starts(one, typed));
  return [
    ...people.map((one) => ({ insert: `@${one.handle} `, label: h("b", {}, one.name), usage: `@${one.handle}`, note: one.title, name: one.handle })),
    ...groups.map((one) => ({ insert: `@${one.handle} `, label: h("b", {}, `@${one.handle}`), note: `Group: ${one.name}`, name: one.handle })),
    ...wide.map((one) => ({ insert: `@${one} `, label: h("b", {}, `@${one}`), note: "Notify the channel", name: one })),
  ].slice(0, MOST);
}

function channels(typed) {
  const open = [...store.channels.values()].filter((one) => !one.is_im && !one.archived && within(one.name, typed));
  return open.slice(0, MOST).map((one) => ({ insert: `#${one.name} `, label: h("b", {}, `#${one.name}`), name: one.name }));
}

/** What was typed as Slack stores it: escaped, with people, groups and channels as references. */
export function encode(typed) {
  const escaped = typed.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  return escaped.replace(/(^|[\s(])([@#])([\w.-]*[\w-])/g, (whole, lead, mark, name) => {
    const found = mark === "@" ? personOrGroup(name) : channelNamed(name);
    return found ? `${lead}${found}` : whole;
  });
}

function personOrGroup(handle) {
  if (["here", "channel", "everyone"].includes(handle)) return `<!${handle}>`;
  const one = [...store.people.values()].find((each) => each.handle === handle);
  const group = [...store.groups.values()].find((each) => each.handle === handle);
  return one ? `<@${one.id}>` : group && `<!subteam^${group.id}>`;
}

function channelNamed(name) {
  const one = [...store.channels.values()].find((each) => each.name === name);
  return one && `<#${one.id}>`;
}
