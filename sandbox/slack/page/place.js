// Where the page is: acting person, channel (or an app's home) and thread, kept in the address.

import { store } from "./store.js";

/** The channel that one sees first. */
export const LANDING = "incidents";

export const place = { user: "", channel: "", thread: "", message: "" };

/** #U0DANA/C0INCIDENTS/1700000000.000100; a fourth part is a message to show once. */
export function readAddress() {
  const [user = "", channel = "", thread = "", message = ""] = location.hash.slice(1).split("/");
  Object.assign(place, { user, channel, thread, message });
}

/** Goes somewhere else; what is not named stays, but another channel closes the thread. */
export function go(to) {
  const next = { ...place, ...("channel" in to || "user" in to ? { thread: "" } : {}), ...to };
  const parts = [next.user || store.me, next.channel, next.thread].filter((part, index) => part || index < 2);
  const hash = `#${parts.join("/")}`;
  if (location.hash === hash) dispatchEvent(new HashChangeEvent("hashchange"));
  else location.hash = hash;
}

export const isHome = () => place.channel.startsWith("home-");

/** Whether the shop is a drawer. */
export const NARROW = matchMedia("(max-width: 1080px)");
