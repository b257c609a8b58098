import { MediaError } from '../errors.ts';
import { checkedUrl } from './media-playlist.ts';

export interface MasterPlaylistOptions {
  /** Of the media playlist. */
  readonly url: string;
  /** RFC 6381 names, such as `avc1.42e01f` and `opus`. */
  readonly codecs: readonly string[];
  /** Peak bit rate of picture and sound, in bits per second. */
  readonly bandwidth: number;
  readonly averageBandwidth?: number;
  /** In pixels; left out for sound alone. */
  readonly width?: number;
  readonly height?: number;
  readonly frameRate?: number;
}

/**
 * A master playlist with one variant stream (RFC 8216 §4.3.4), which tells a player the codecs before it loads anything.
 *
 * @returns the text of the playlist; lines end with a line feed
 * @throws MediaError `argument-invalid` when a field would break the playlist
 */
export function masterPlaylist(options: MasterPlaylistOptions): string {
  const { codecs, bandwidth, averageBandwidth, width, height, frameRate } = options;
  if (codecs.length === 0 || codecs.some((codec) => !/^[A-Za-z0-9._-]+$/.test(codec))) {
    throw new MediaError('argument-invalid', `not codec names: ${JSON.stringify(codecs)}`);
  }
  const attributes = [`BANDWIDTH=${wholeNumber(bandwidth)}`];
  if (averageBandwidth !== undefined) attributes.push(`AVERAGE-BANDWIDTH=${wholeNumber(averageBandwidth)}`);
  attributes.push(`CODECS="${codecs.join(',')}"`);
  if (width !== undefined && height !== undefined) {
    attributes.push(`RESOLUTION=${wholeNumber(width)}x${wholeNumber(height)}`);
  }
  if (frameRate !== undefined) attributes.push(`FRAME-RATE=${frameRate.toFixed(3)}`);
  const lines = ['#EXTM3U', '#EXT-X-VERSION:7', `#EXT-X-STREAM-INF:${attributes.join(',')}`, checkedUrl(options.url)];
  return `${lines.join('\n')}\n`;
}

function wholeNumber(value: number): number {
  const whole = Math.ceil(value);
  if (!(Number.isSafeInteger(whole) && whole > 0)) {
    throw new MediaError('argument-invalid', `must be above 0: ${value}`);
  }
  return whole;
}
