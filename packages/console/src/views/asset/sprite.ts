/** A tile of a sprite sheet: what the scrub bar shows for a span of time. */
export interface Tile {
  readonly fromMs: number;
  readonly toMs: number;
  readonly url: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Reads the WebVTT of a sprite: cues whose text is `sheet.jpg#xywh=x,y,width,height`
 * (W3C Media Fragments URI 1.0 §4.2.2). Cues of another form are left out.
 * @param url - where it came from; its signature opens the sheets, too
 */
export function parseSprite(text: string, url: string): Tile[] {
  const tiles: Tile[] = [];
  const { search } = new URL(url);
  for (const block of text.replaceAll('\r', '').split(/\n{2,}/)) {
    const match = /((?:\d+:)?\d+:\d+\.\d{3}) --> ((?:\d+:)?\d+:\d+\.\d{3}).*\n(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)/.exec(
      block,
    );
    if (match === null) continue;
    const [, from = '', to = '', name = '', ...rest] = match;
    const [x = 0, y = 0, width = 0, height = 0] = rest.map(Number);
    const sheet = new URL(name, url);
    if (sheet.search === '') sheet.search = search;
    tiles.push({ fromMs: toMs(from), toMs: toMs(to), url: sheet.href, x, y, width, height });
  }
  return tiles;
}

/** The tile for a place in the file; the nearest one before it where none holds it. */
export function tileAt(tiles: readonly Tile[], ms: number): Tile | undefined {
  return tiles.findLast(({ fromMs }) => fromMs <= ms) ?? tiles[0];
}

function toMs(timestamp: string): number {
  return Math.round(timestamp.split(':').reduce((sum, part) => sum * 60 + Number(part), 0) * 1000);
}
