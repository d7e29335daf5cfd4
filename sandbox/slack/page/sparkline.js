// A small line of numbers over time.

import { svgNode } from "./dom.js";

const WIDTH = 96;
const HEIGHT = 26;

/** The newest number is on the right; an empty history is an empty picture. */
export function sparkline(numbers) {
  const svg = svgNode("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "sparkline", preserveAspectRatio: "none", "aria-hidden": "true" });
  if (numbers.length < 2) return svg;
  const top = Math.max(...numbers) || 1;
  const points = numbers.map((value, index) => [(index / (numbers.length - 1)) * WIDTH, HEIGHT - 2 - (value / top) * (HEIGHT - 5)]);
  const line = points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join(" L");
  svg.append(svgNode("path", { d: `M0 ${HEIGHT} L${line} L${WIDTH} ${HEIGHT}Z`, class: "area" }), svgNode("path", { d: `M${line}`, class: "line" }));
  return svg;
}
