// What the page knows at this moment: who acts, who and what exists in the workspace.

export const store = {
  me: "",
  team: { id: "", name: "" },
  people: new Map(),
  groups: new Map(),
  channels: new Map(),
  commands: [],
  shortcuts: [],
  views: [],
  reachable: true,
};

export function learn(state) {
  store.me = state.me;
  store.team = state.team;
  store.people = byId(state.people);
  store.groups = byId(state.groups);
  store.channels = byId(state.channels);
  store.commands = state.commands;
  store.shortcuts = state.shortcuts;
  store.views = state.views;
}

const byId = (items) => new Map(items.map((item) => [item.id, item]));

export const person = (id) => store.people.get(id) ?? { id, handle: id, name: id, title: "" };
export const channelNamed = (id) => store.channels.get(id) ?? { id, name: id };
export const humans = () => [...store.people.values()].filter((one) => !one.is_bot);
export const bots = () => [...store.people.values()].filter((one) => one.is_bot);

/** The person or app that wrote a message. */
export function author(message) {
  if (message.user && store.people.has(message.user)) return person(message.user);
  const bot = bots().find((one) => one.bot_id && one.bot_id === message.bot_id);
  return bot ?? { id: message.bot_id || message.user || "USLACKBOT", name: message.username || "Slackbot", is_bot: true };
}

const HUES = [206, 158, 22, 268, 338, 186, 46, 96];

/** A calm colour of one's own: by the order of the people of the workspace. */
export function hue(id) {
  const at = [...store.people.keys()].indexOf(id);
  return HUES[Math.max(at, 0) % HUES.length];
}

export function initials(name) {
  const words = name.replace(/[^\p{L}\p{N} ]/gu, "").split(" ").filter(Boolean);
  return (words.length > 1 ? words[0][0] + words[words.length - 1][0] : (words[0] ?? "?").slice(0, 2)).toUpperCase();
}
