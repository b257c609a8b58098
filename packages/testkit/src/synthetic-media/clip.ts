import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import type { EncodedPicture, PictureOptions } from './encoders.ts';
import { OPUS_PACKET_MS } from './test-sound.ts';

/** Raise when the picture, the sound or the encoders' settings change: older clips in the cache are then left alone. */
const CLIP_VERSION = 1;

export interface ClipOptions {
  /** Whole seconds, so that a clip can be repeated without a seam in sound or picture. */
  readonly seconds: number;
  readonly width?: number;
  readonly height?: number;
  readonly framesPerSecond?: number;
  readonly videoBitrateBps?: number;
  readonly audioBitrateBps?: number;
  /** Seconds from one IDR picture to the next. */
  readonly keyFrameSeconds?: number;
}

/** Encoded test media. Picture n is due at n / framesPerSecond, sound packet n at n × 20 ms. */
export interface EncodedClip {
  readonly options: PictureOptions & { readonly seconds: number; readonly audioBitrateBps: number };
  readonly pictures: readonly EncodedPicture[];
  readonly sounds: readonly Uint8Array[];
}

/** Fills in what the options leave open. */
export function completeOptions(options: ClipOptions): EncodedClip['options'] {
  const framesPerSecond = options.framesPerSecond ?? 30;
  return {
    seconds: options.seconds,
    width: options.width ?? 640,
    height: options.height ?? 360,
    framesPerSecond,
    videoBitrateBps: options.videoBitrateBps ?? 800_000,
    audioBitrateBps: options.audioBitrateBps ?? 64_000,
    keyFrameInterval: Math.round((options.keyFrameSeconds ?? 2) * framesPerSecond),
  };
}

/**
 * Encodes test media once and keeps it in a file in the temporary folder.
 * @returns the path of that file, to be opened with {@link readClip}
 */
export async function encodeClip(options: ClipOptions): Promise<string> {
  const full = completeOptions(options);
  const key = createHash('sha256')
    .update(JSON.stringify({ CLIP_VERSION, ...full }))
    .digest('hex')
    .slice(0, 16);
  const folder = join(tmpdir(), 'aircheck-clips');
  const path = join(folder, `${key}.clip`);
  if (existsSync(path)) return path;
  // Only here: the encoders load FFmpeg, which who merely sends a clip need not.
  const { PictureEncoder, SoundEncoder } = await import('./encoders.ts');
  const picture = new PictureEncoder(full);
  const sound = new SoundEncoder(full.audioBitrateBps);
  const clip: EncodedClip = {
    options: full,
    pictures: Array.from({ length: full.seconds * full.framesPerSecond }, (_, counter) => picture.encode(counter)),
    sounds: Array.from({ length: (full.seconds * 1000) / OPUS_PACKET_MS }, () => sound.encode()),
  };
  picture.close();
  sound.close();
  mkdirSync(folder, { recursive: true });
  // Several tests may encode the same clip at once: each writes its own file, the last rename wins with equal content.
  const partial = `${path}.${process.pid}`;
  writeFileSync(partial, serialize(clip));
  renameSync(partial, path);
  return path;
}

export function readClip(path: string): EncodedClip {
  return deserialize(readFileSync(path)) as EncodedClip;
}
