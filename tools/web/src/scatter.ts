// A plot of named points. It is drawn as SVG, so that it prints and scales.
export interface ScatterPoint {
  name: string;
  x: number;
  y: number;
  front: boolean;  // a disc; else a ring
  colour: string;  // a CSS variable
}

export interface ScatterOptions {
  label: string;  // accessible name
  points: ScatterPoint[];
  xText: (x: number) => string;
  yText: (y: number) => string;
  yBase: 2 | 10;  // ticks are round in powers of two, or of ten
}

const WIDTH = 900;
const HEIGHT = 380;
const LEFT = 90;
const RIGHT = 150;  // for the name of the rightmost
const TOP = 16;
const BOTTOM = 36;
const TICKS = 5;
const LINE = 15;  // height of a name
const LETTER = 7;  // its width for each letter, at most
const MARK = 8;  // half a mark, and some distance

function svg(tag: string, attributes: Record<string, string | number>, text = ""): SVGElement {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.textContent = text;
  return element;
}

// From 0 in round steps: 1, 2 or 5 times a power of ten, or a power of two.
function ticks(most: number, base: 2 | 10): number[] {
  const least = most / TICKS;
  const power = base ** Math.floor(Math.log(least) / Math.log(base) + 1e-9);
  const step = power * ((base === 2 ? [1, 2] : [1, 2, 5, 10]).find((n) => n * power >= least) ?? base);
  return Array.from({ length: Math.floor(most / step + 1e-9) + 1 }, (_, i) => i * step);
}

interface Box {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

const around = (x: number, y: number): Box => ({ left: x - MARK, right: x + MARK, top: y - MARK, bottom: y + MARK });
const meet = (a: Box, b: Box): boolean =>
  a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

// Beside its mark, or as near to it as nothing stands there.
function placeOf(name: string, x: number, y: number, taken: Box[]): Box {
  const width = name.length * LETTER;
  const at = (left: number, down: number): Box => {
    const top = y - LINE / 2 + down * LINE;
    return { left, right: left + width, top, bottom: top + LINE };
  };
  for (let distance = 0; distance * LINE < HEIGHT; ++distance) {
    for (const down of [distance, -distance]) {
      for (const left of [x + MARK + 2, x - MARK - 2 - width]) {
        const box = at(left, down);
        const inside = box.left > LEFT && box.right < WIDTH && box.top > 0 && box.bottom < HEIGHT - BOTTOM;
        if (inside && !taken.some((other) => meet(box, other))) return box;
      }
    }
  }
  return at(x + MARK + 2, 0);
}

export function scatter({ label, points, xText, yText, yBase }: ScatterOptions): Element {
  const root = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "scatter", role: "img", "aria-label": label });
  const mostX = Math.max(...points.map(({ x }) => x)) * 1.05 || 1;
  const mostY = Math.max(...points.map(({ y }) => y)) * 1.1 || 1;
  const left = (x: number): number => LEFT + (x / mostX) * (WIDTH - LEFT - RIGHT);
  const top = (y: number): number => HEIGHT - BOTTOM - (y / mostY) * (HEIGHT - TOP - BOTTOM);
  for (const y of ticks(mostY, yBase)) {
    root.append(
      svg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: top(y), y2: top(y), class: "grid" }),
      svg("text", { x: LEFT - 8, y: top(y) + 4, "text-anchor": "end" }, yText(y)),
    );
  }
  for (const x of ticks(mostX, 10)) {
    root.append(
      svg("line", { x1: left(x), x2: left(x), y1: TOP, y2: HEIGHT - BOTTOM, class: "grid" }),
      svg("text", { x: left(x), y: HEIGHT - BOTTOM + 20, "text-anchor": "middle" }, xText(x)),
    );
  }
  const taken = points.map(({ x, y }) => around(left(x), top(y)));
  for (const point of points) {
    const [x, y] = [left(point.x), top(point.y)];
    const mark = svg("circle", { cx: x, cy: y, r: 6, class: "mark" }) as SVGCircleElement;
    mark.style.fill = point.front ? `var(--${point.colour})` : "none";
    mark.style.stroke = `var(--${point.colour})`;
    mark.append(svg("title", {}, `${point.name}: ${yText(point.y)}, ${xText(point.x)}`));
    const place = placeOf(point.name, x, y, taken);
    taken.push(place);
    root.append(mark, svg("text", { x: place.left, y: place.bottom - 4, class: "name" }, point.name));
  }
  return root;
}
