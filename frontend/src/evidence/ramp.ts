/** Colours for values: one ramp for how much, another for more or less than before. */

export type Color = readonly [number, number, number];
export type Ramp = readonly Color[];

/** Cividis: rises in lightness throughout, so it reads the same with any colour vision and in print. */
export const AMOUNT: Ramp = [
  [0, 34, 78],
  [35, 62, 108],
  [87, 93, 109],
  [125, 124, 120],
  [165, 156, 116],
  [211, 193, 100],
  [254, 232, 56],
];

/** Blue for less, orange for more, the paper's own grey for no change: told apart with any colour vision. */
export const CHANGE: Record<"light" | "dark", Ramp> = {
  light: [
    [5, 66, 128],
    [90, 150, 205],
    [238, 238, 238],
    [235, 148, 66],
    [140, 54, 0],
  ],
  dark: [
    [150, 205, 255],
    [64, 124, 180],
    [66, 66, 66],
    [190, 104, 26],
    [255, 190, 120],
  ],
};

/** The ramp's colour at a share of its length, 0 to 1. */
export function colorAt(ramp: Ramp, share: number): Color {
  const place = Math.min(Math.max(share, 0), 1) * (ramp.length - 1);
  const floor = Math.min(Math.floor(place), ramp.length - 2);
  const [from = [0, 0, 0], to = [0, 0, 0]] = [ramp[floor], ramp[floor + 1]];
  const mix = (index: 0 | 1 | 2) => Math.round(from[index] + (to[index] - from[index]) * (place - floor));
  return [mix(0), mix(1), mix(2)];
}

/** The ramp as a CSS gradient's stops. */
export function stops(ramp: Ramp): string {
  return ramp.map(([r, g, b]) => `rgb(${r} ${g} ${b})`).join(", ");
}
