// Talks to the sandbox: JSON calls for the chat and the shop, and a socket that says what changed.

import { store } from "./store.js";

export class Unreachable extends Error {}

async function request(url, options) {
  let answer;
  try {
    answer = await fetch(url, options);
  } catch {
    throw new Unreachable("The sandbox does not answer.");
  }
  const body = await answer.json().catch(() => ({}));
  if (answer.status === 503) throw new Unreachable(body.error);
  if (!answer.ok) throw Object.assign(new Error(body.error ?? `The sandbox answered ${answer.status}.`), { code: body.code });
  return body;
}

const query = (args) => new URLSearchParams(Object.entries(args).filter(([, value]) => value !== undefined && value !== ""));
const json = (body) => ({ method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

/** Reads what the acting person sees: state, channel, thread, home. */
export const read = (what, args = {}) => request(`/client/${what}?${query({ user: store.me, ...args })}`);

/** Does something as the acting person. */
export const act = (what, args = {}) => request(`/client/${what}`, json({ user: store.me, ...args }));

export const shop = () => request("/panel/state");
export const tell = (what, args = {}) => request(`/panel/${what}`, json(args));

/** Calls `hear(notice)` for every notice and `lost()` when the line drops; reconnects until told to stop. */
export function listen(hear, lost) {
  const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/client/events`;
  let wait = 250;
  const open = () => {
    const socket = new WebSocket(url);
    socket.onmessage = (message) => {
      wait = 250;
      hear(JSON.parse(message.data));
    };
    socket.onclose = () => {
      lost();
      setTimeout(open, wait);
      wait = Math.min(wait * 2, 4000);
    };
  };
  open();
}
