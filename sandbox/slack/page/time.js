// Times as people read them, in the zone of the browser.

const format = (options) => new Intl.DateTimeFormat(undefined, options);
const CLOCK = format({ hour: "2-digit", minute: "2-digit" });
const CLOCK_SECONDS = format({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = format({ weekday: "long", month: "long", day: "numeric" });
const DATE = format({ month: "long", day: "numeric", year: "numeric" });
const DATE_SHORT = format({ month: "short", day: "numeric", year: "numeric" });
const DATE_LONG = format({ weekday: "long", month: "long", day: "numeric", year: "numeric" });
const DATE_NUM = format({ year: "numeric", month: "2-digit", day: "2-digit" });
const FULL = format({ dateStyle: "full", timeStyle: "medium" });

export const seconds = (ts) => Number.parseFloat(ts);
const date = (ts) => new Date(seconds(ts) * 1000);

export const clock = (ts) => CLOCK.format(date(ts));
export const full = (ts) => FULL.format(date(ts));
export const dayKey = (ts) => date(ts).toDateString();
export const day = (ts) => near(date(ts)) ?? DAY.format(date(ts));

function near(when) {
  const days = Math.round((midnight(new Date()) - midnight(when)) / 86400000);
  return { 0: "Today", 1: "Yesterday", [-1]: "Tomorrow" }[days];
}

const midnight = (when) => new Date(when.getFullYear(), when.getMonth(), when.getDate());

const lower = (when, text) => near(when)?.toLowerCase() ?? text;

const TOKENS = {
  time: (when) => CLOCK.format(when),
  time_secs: (when) => CLOCK_SECONDS.format(when),
  date: (when) => DATE.format(when),
  date_short: (when) => DATE_SHORT.format(when),
  date_long: (when) => DATE_LONG.format(when),
  date_num: (when) => DATE_NUM.format(when),
  date_pretty: (when) => lower(when, DATE.format(when)),
  date_short_pretty: (when) => lower(when, DATE_SHORT.format(when)),
  date_long_pretty: (when) => lower(when, DATE_LONG.format(when)),
  day_divider_pretty: (when) => near(when) ?? DAY.format(when),
  ago: (when) => ago(when.getTime() / 1000),
};

/** Fills Slack's date tokens: dateText(1780000000, "{date_short} at {time}"). */
export function dateText(epoch, pattern) {
  const when = new Date(epoch * 1000);
  return pattern.replace(/\{(\w+)\}/g, (whole, token) => TOKENS[token]?.(when) ?? whole);
}

export function ago(epoch) {
  const passed = Math.round(Date.now() / 1000 - epoch);
  const size = Math.abs(passed);
  const [amount, unit] =
    size < 60 ? [size, "second"] : size < 3600 ? [Math.round(size / 60), "minute"] : size < 86400 ? [Math.round(size / 3600), "hour"] : [Math.round(size / 86400), "day"];
  if (unit === "second" && size < 10) return "just now";
  const words = `${amount} ${unit}${amount === 1 ? "" : "s"}`;
  return passed >= 0 ? `${words} ago` : `in ${words}`;
}

/** "2026-11-20T14:05" for <input type=datetime-local>, and back to epoch seconds. */
export function localInput(epoch) {
  const when = new Date(epoch * 1000);
  return new Date(when.getTime() - when.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
}

export const fromLocalInput = (value) => Math.floor(new Date(value).getTime() / 1000);
