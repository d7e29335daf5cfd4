// The emoji that incident channels live by, drawn: they look alike everywhere, also where no emoji font is installed.

import { svgNode } from "./dom.js";

const DISC = "M12 1.5a10.5 10.5 0 1 0 0 21 10.5 10.5 0 0 0 0-21z";
const SQUARE = "M5.5 2h13A3.5 3.5 0 0 1 22 5.5v13a3.5 3.5 0 0 1-3.5 3.5h-13A3.5 3.5 0 0 1 2 18.5v-13A3.5 3.5 0 0 1 5.5 2z";
const GLASS = "M8 5h8l-4 6.2zM12 13.2l4 5.8H8z";
const FRAME = "M5 1.5h14v3.2L13.6 12l5.4 7.3v3.2H5v-3.2L10.4 12 5 4.7z";
const HAND = "M2.5 11h4v10.5h-4zM8 11l3.6-8.6c1.9 0 2.8 1.3 2.5 3.2L13.5 9.5h5.6a2.2 2.2 0 0 1 2.2 2.6l-1.5 7a3 3 0 0 1-3 2.4H8z";
const PALM = "M6 11V6.2a1.4 1.4 0 0 1 2.8 0V10h.7V3.4a1.4 1.4 0 0 1 2.8 0V10h.7V4.4a1.4 1.4 0 0 1 2.8 0V11h.7V7.4a1.4 1.4 0 0 1 2.8 0v8.1a7 7 0 0 1-7 7h-.6a7 7 0 0 1-5.2-2.3L2.6 15.4a1.5 1.5 0 0 1 2.1-2.1L6 14.4z";
const EYES = "M6.8 4C9.4 4 11 7.6 11 12s-1.6 8-4.2 8-4.2-3.6-4.2-8S4.2 4 6.8 4zM17.2 4c2.6 0 4.2 3.6 4.2 8s-1.6 8-4.2 8S13 16.4 13 12s1.6-8 4.2-8z";
const PUPILS = "M8.2 9c1.2 0 2 1.4 2 3.2s-.8 3.2-2 3.2-2-1.4-2-3.2.8-3.2 2-3.2zM18.6 9c1.2 0 2 1.4 2 3.2s-.8 3.2-2 3.2-2-1.4-2-3.2.8-3.2 2-3.2z";
const ASK = "M12 3.5c3.5 0 5.7 1.9 5.7 4.8 0 3.6-4.2 4-4.2 6.6v.6h-3.1v-.9c0-3.6 4-4 4-6.2 0-1.3-1-2.1-2.5-2.1-1.6 0-2.6.9-2.8 2.4l-3-.4C6.4 5.4 8.6 3.5 12 3.5zM10.2 17.6h3.5v3.4h-3.5z";
const BELL = "M12 1.5a1.8 1.8 0 0 1 1.8 1.8c3 .8 4.7 3.3 4.7 6.7v4.5l2.5 3.5v1H3v-1l2.5-3.5V10c0-3.4 1.7-5.9 4.7-6.7A1.8 1.8 0 0 1 12 1.5zM9.5 20h5a2.5 2.5 0 0 1-5 0z";
const RAISED = "M5 21.5c0-4 2.6-6.5 6-6.5h2c1.8 0 3-1.3 3-3.2V3.4a1.6 1.6 0 0 1 3.2 0v9c0 2.6-1.2 4.6-3.2 5.6v3.5z";
const HEAD = "M10.5 5a4.2 4.2 0 1 0 0 8.4 4.2 4.2 0 0 0 0-8.4z";

const LOUDSPEAKER = [["M6.5 14.5h4l1.6 7H8.4z", "#8d99a3"], ["M2 9h5l10-6.5v19L7 15H2z", "#e0603f"], ["M18.8 8.2a5 5 0 0 1 0 7.6z", "#f2b52b"]];
const HOURGLASS = [[FRAME, "#a26f3d"], [GLASS, "#f6cf6b"]];

/** Name → its parts, from back to front: a path in a square of 24 and its colour. */
const SIGNS = {
  red_circle: [[DISC, "#d9303e"]],
  large_orange_circle: [[DISC, "#ee8a24"]],
  large_yellow_circle: [[DISC, "#f0c330"]],
  large_green_circle: [[DISC, "#38a169"]],
  large_blue_circle: [[DISC, "#3b82d6"]],
  white_check_mark: [[SQUARE, "#2f9e63"], ["M10 17.6l-5.2-5.2 2-2L10 13.6l7.2-7.2 2 2z", "#fff"]],
  x: [["M5 2.5l7 7 7-7L21.5 5l-7 7 7 7-2.5 2.5-7-7-7 7L2.5 19l7-7-7-7z", "#d9303e"]],
  no_entry: [[DISC, "#d9303e"], ["M5.5 9.8h13v4.4h-13z", "#fff"]],
  warning: [["M12 1.8a1.5 1.5 0 0 1 1.3.8l9.4 17.3a1.5 1.5 0 0 1-1.3 2.2H2.6a1.5 1.5 0 0 1-1.3-2.2L10.7 2.6a1.5 1.5 0 0 1 1.3-.8z", "#f2b52b"], ["M10.8 8h2.4l-.4 7h-1.6zM10.7 16.6h2.6v2.6h-2.6z", "#4a3500"]],
  mag: [["M15.2 13.6l7.3 7.3-1.9 1.9-7.3-7.3z", "#8a6b4d"], ["M9.5 1.5a8 8 0 1 0 0 16 8 8 0 0 0 0-16z", "#61788a"], ["M9.5 4a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11z", "#cfe8f5"]],
  dart: [[DISC, "#d9303e"], ["M12 5a7 7 0 1 0 0 14 7 7 0 0 0 0-14z", "#fff"], ["M12 8.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7z", "#d9303e"]],
  wrench: [["M22 7.3a6.2 6.2 0 0 1-8.6 5.7L6.5 20.9a2.4 2.4 0 0 1-3.4-3.4L11 10.6A6.2 6.2 0 0 1 18.3 2.3l-3.6 3.6.5 2.9 2.9.5 3.6-3.6c.2.5.3 1 .3 1.6z", "#7d8f9b"]],
  loudspeaker: LOUDSPEAKER,
  mega: LOUDSPEAKER,
  package: [["M12 1.5l9.5 4.7v11.6L12 22.5l-9.5-4.7V6.2z", "#c98f4e"], ["M12 11l9.5-4.8v11.6L12 22.5z", "#a8713a"], ["M6.5 4.2l9.5 4.8v4l-2.5 1.2v-4L4.2 5.4z", "#f0d9a8"]],
  pager: [["M3.5 5h17A1.5 1.5 0 0 1 22 6.5v11a1.5 1.5 0 0 1-1.5 1.5h-17A1.5 1.5 0 0 1 2 17.5v-11A1.5 1.5 0 0 1 3.5 5z", "#4b5a66"], ["M5 8h14v5H5z", "#a9e3b4"], ["M5 15h3v2H5zM10.5 15h3v2h-3zM16 15h3v2h-3z", "#dbe4e9"]],
  rotating_light: [["M5.5 17V12a6.5 6.5 0 0 1 13 0v5z", "#d9303e"], ["M8.5 15.5V12.5A3.5 3.5 0 0 1 11 9.2v1.8a2 2 0 0 0-.9 1.7v2.8z", "#f7b5ba"], ["M3.5 17.5h17V22h-17z", "#61788a"], ["M11.2 1h1.6v3h-1.6zM2.5 4.6l1.2-1.2 2.1 2.2-1.2 1.1zM21.5 4.6l-1.2-1.2-2.1 2.2 1.2 1.1z", "#ee8a24"]],
  snowflake: [["M11 1.5h2v21h-2zM2.4 7.6l1-1.7 18.2 10.5-1 1.7zM20.6 5.9l1 1.7L3.4 18.1l-1-1.7zM8 3.5L12 7l4-3.5 1 1.3L12 9.2 7 4.8zM8 20.5L12 17l4 3.5 1-1.3-5-4.4-5 4.4z", "#4aa3df"]],
  pushpin: [["M11.2 14h1.6l-.8 8.5z", "#8d99a3"], ["M8 1.5h8v2l-1.3.8.6 5.2a5 5 0 0 1 2.7 4.5H6a5 5 0 0 1 2.7-4.5l.6-5.2L8 3.5z", "#d9303e"]],
  bulb: [["M12 1.5a7 7 0 0 0-4 12.7V17h8v-2.8a7 7 0 0 0-4-12.7z", "#f6cf4b"], ["M8.5 18h7v1.8h-7zM9.5 20.7h5v1.8h-5z", "#7d8f9b"]],
  telephone_receiver: [["M6.2 1.8l3.6 4.9-2 2.7c1.4 2.9 3.6 5.1 6.5 6.5l2.7-2 4.9 3.6-1.8 4.4C10.5 22.5 1.5 13.5 1.8 3.6z", "#4b5a66"]],
  rewind: [[SQUARE, "#3b82d6"], ["M11.5 6.5v11L5 12zM19 6.5v11L12.5 12z", "#fff"]],
  double_vertical_bar: [[SQUARE, "#3b82d6"], ["M7 6.5h3.5v11H7zM13.5 6.5H17v11h-3.5z", "#fff"]],
  lock: [["M7 10V7.5a5 5 0 0 1 10 0V10h-2.5V7.5a2.5 2.5 0 0 0-5 0V10z", "#8d99a3"], ["M5.5 10h13A1.5 1.5 0 0 1 20 11.5v9a1.5 1.5 0 0 1-1.5 1.5h-13A1.5 1.5 0 0 1 4 20.5v-9A1.5 1.5 0 0 1 5.5 10z", "#f2b52b"]],
  heavy_minus_sign: [["M3 10h18v4H3z", "#61788a"]],
  hourglass: HOURGLASS,
  hourglass_flowing_sand: HOURGLASS,
  "+1": [[HAND, "#f2b52b"]],
  hand: [[PALM, "#f2b52b"]],
  question: [[ASK, "#d9303e"]],
  grey_question: [[ASK, "#8d99a3"]],
  bell: [[BELL, "#f2b52b"]],
  no_bell: [[BELL, "#8d99a3"], ["M3.6 2l18.4 18.4-1.7 1.7L1.9 3.7z", "#d9303e"]],
  clipboard: [["M5.5 3.5h13A1.5 1.5 0 0 1 20 5v16a1.5 1.5 0 0 1-1.5 1.5h-13A1.5 1.5 0 0 1 4 21V5a1.5 1.5 0 0 1 1.5-1.5z", "#a26f3d"], ["M6 6h12v14.5H6z", "#fff"], ["M9 1.5h6V6H9z", "#8d99a3"], ["M8 9.5h8v1.5H8zM8 13h8v1.5H8zM8 16.5h5V18H8z", "#61788a"]],
  repeat: [[SQUARE, "#3b82d6"], ["M5 12V9.5A3 3 0 0 1 8 6.5h7.5V4.3L19.5 7.7 15.5 11V8.8H8a.8.8 0 0 0-.8.8V12zM19 12v2.5a3 3 0 0 1-3 3H8.5v2.2L4.5 16.3 8.5 13v2.2H16a.8.8 0 0 0 .8-.8V12z", "#fff"]],
  performing_arts: [["M9.5 8.5h13v6c0 4-3 7-6.5 7s-6.5-3-6.5-7z", "#4b8fd6"], ["M1.5 2.5h13v6c0 4-3 7-6.5 7s-6.5-3-6.5-7z", "#f2b52b"], ["M4 6.5h2.5v1.8H4zM9.5 6.5H12v1.8H9.5zM4.5 10.5h7a3.5 3.5 0 0 1-7 0z", "#4a3500"]],
  raising_hand: [[RAISED, "#7d5ba6"], [HEAD, "#f2b52b"]],
  raised_hands: [["M2 3.5a1.6 1.6 0 0 1 3.2 0V9l4 4v8.5H5L2 14zM22 3.5a1.6 1.6 0 0 0-3.2 0V9l-4 4v8.5H19L22 14z", "#f2b52b"]],
  electric_plug: [["M8 1.5h2V7H8zM14 1.5h2V7h-2z", "#8d99a3"], ["M5.5 7h13v3.5a6.5 6.5 0 0 1-5.3 6.4v5.6h-2.4v-5.6a6.5 6.5 0 0 1-5.3-6.4z", "#4b5a66"]],
  satellite_antenna: [["M11 14l5.5 8.5h-11z", "#61788a"], ["M3 4.5L17.5 19A10.3 10.3 0 0 1 3 4.5z", "#8d99a3"], ["M10.3 10.3l5-5 1.5 1.5-5 5zM16.5 3a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z", "#d9303e"]],
  speech_balloon: [["M4.5 3h15A2.5 2.5 0 0 1 22 5.5v9a2.5 2.5 0 0 1-2.5 2.5H11l-5.5 5v-5h-1A2.5 2.5 0 0 1 2 14.5v-9A2.5 2.5 0 0 1 4.5 3z", "#8fb4d9"], ["M6.5 9h2.5v2.5H6.5zM10.8 9h2.5v2.5h-2.5zM15 9h2.5v2.5H15z", "#fff"]],
  alarm_clock: [["M4.5 2l3 1.5L3 8 1.8 4.8zM19.5 2l-3 1.5L21 8l1.2-3.2z", "#d9303e"], ["M12 3.5a9.3 9.3 0 1 0 0 18.6 9.3 9.3 0 0 0 0-18.6z", "#d9303e"], ["M12 6a6.8 6.8 0 1 0 0 13.6A6.8 6.8 0 0 0 12 6z", "#fff"], ["M11 8h2v4.3l3 1.8-1 1.7-4-2.4z", "#2a3439"]],
  arrow_forward: [[SQUARE, "#3b82d6"], ["M8 6l10 6-10 6z", "#fff"]],
  fast_forward: [[SQUARE, "#3b82d6"], ["M5 6.5l6.5 5.5L5 17.5zM12.5 6.5L19 12l-6.5 5.5z", "#fff"]],
  leftwards_arrow_with_hook: [[SQUARE, "#3b82d6"], ["M10 5v3.2h4.5a4.7 4.7 0 0 1 0 9.4H8v-2.5h6.5a2.2 2.2 0 0 0 0-4.4H10V14L4.5 9.5z", "#fff"]],
  ballot_box_with_check: [[SQUARE, "#3b82d6"], ["M10 17.6l-5.2-5.2 2-2L10 13.6l7.2-7.2 2 2z", "#fff"]],
  information_source: [[SQUARE, "#3b82d6"], ["M10.5 5.5h3v3h-3zM10.5 10.5h3v8h-3z", "#fff"]],
  chart_with_upwards_trend: [["M2 2h20v20H2z", "#e6ebee"], ["M4 4h1.6v14.4H20V20H4z", "#61788a"], ["M7 15l4-4.5 3 2.5 5-6.5 1.3 1-6 8-3.1-2.5-3 3.4z", "#d9303e"]],
  sunny: [["M11 1h2v4h-2zM11 19h2v4h-2zM1 11h4v2H1zM19 11h4v2h-4zM3.5 5l1.5-1.5L7.8 6.3 6.3 7.8zM16.2 17.7l1.5-1.5 2.8 2.8-1.5 1.5zM5 20.5L3.5 19l2.8-2.8 1.5 1.5zM17.7 7.8l-1.5-1.5L19 3.5 20.5 5z", "#f2b52b"], ["M12 6.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11z", "#f6cf4b"]],
  ticket: [["M1.5 6h21v4a2 2 0 0 0 0 4v4h-21v-4a2 2 0 0 0 0-4z", "#d9a441"], ["M7.5 9h9v1.6h-9zM7.5 13.4h9V15h-9z", "#7a5410"]],
  cloud: [["M7 19.5a5 5 0 0 1-.6-10 6.5 6.5 0 0 1 12.4 1.2A4.5 4.5 0 0 1 18 19.5z", "#8fb4d9"]],
  floppy_disk: [[SQUARE, "#4b5a66"], ["M7 2h10v7H7z", "#dbe4e9"], ["M13 3.5h2.5v4H13z", "#4b5a66"], ["M5.5 12.5h13V22h-13z", "#fff"], ["M7.5 15h9v1.5h-9zM7.5 18h9v1.5h-9z", "#8d99a3"]],
  boom: [["M12 1l2.5 5.5L20 3l-1.5 6 4.5 3-4.5 3 1.5 6-5.5-3.5L12 23l-2.5-5.5L4 21l1.5-6L1 12l4.5-3L4 3l5.5 3.5z", "#e0603f"], ["M12 7l1.5 3 3.5-.5-2 2.5 2 2.5-3.5-.5L12 17l-1.5-3-3.5.5 2-2.5-2-2.5 3.5.5z", "#f6cf4b"]],
  eyes: [[EYES, "#dbe4e9"], [PUPILS, "#2a3439"]],
};

/** The sign as a picture, or null where none is drawn. Whoever shows it says its name. */
export function sign(name) {
  const parts = SIGNS[name.split("::")[0]];
  if (!parts) return null;
  const svg = svgNode("svg", { viewBox: "0 0 24 24", class: "sign", "aria-hidden": "true" });
  svg.append(...parts.map(([d, fill]) => svgNode("path", { d, fill })));
  return svg;
}
