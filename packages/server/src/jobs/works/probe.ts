import { stat } from 'node:fs/promises';
import { AircheckError, type AudioInfo, type VideoInfo } from '@aircheck/protocol';
import type { Work } from '../work-orders.ts';
import { fileType } from './file-type.ts';
import { hash, readError } from './hash.ts';
import { type InputStream, MAX_PICTURE_SIDE, MediaInput } from './media-input.ts';
import { Pace } from './pace.ts';
import { displaySize } from './picture-fitter.ts';
import { StreamDecoder } from './stream-decoder.ts';

/** Decoded of each track, to prove that it is one. */
const PROVING_FRAMES = 3;
/** A track of which none of so many packets decodes is none. */
const PROVING_PACKETS = 500;
/** Dots and the like. */
const SHORTEST_MS = 1;

/**
 * Says what is in a file. It is read to its end, so that numbers and lengths are exact whatever the container claims, and
 * the beginning of each track is decoded.
 *
 * @throws AircheckError `media-invalid` with the reason when it is no media, encrypted, too large a picture, or cannot be decoded;
 * `jobs-unavailable`; the signal's reason
 */
export const probe: Work<'probe'> = async ({ path, digests }, context) => {
  const { size } = await stat(path).catch((error: unknown) => {
    throw readError(error, 'to check');
  });
  const input = await MediaInput.open(path);
  const { video, audio } = input;
  const pace = new Pace(context);
  const pictures = video && new Track(input, video);
  const sound = audio && new Track(input, audio);
  try {
    for (let stream = input.read(); stream !== undefined; stream = input.read()) {
      (stream.kind === 'video' ? pictures : sound)?.add(stream);
      if (pace.due) await pace.pause(Number(input.packet.pos) / Math.max(1, size));
    }
    pictures?.finish();
    sound?.finish();
    const durationMs = Math.max(pictures?.endMs ?? 0, sound?.endMs ?? 0);
    const videoInfo = pictures && pictures.packets > 0 ? describePictures(pictures, video!) : null;
    const audioInfo = sound && sound.packets > 0 ? describeSound(sound, audio!) : null;
    if ((videoInfo === null && audioInfo === null) || durationMs < SHORTEST_MS) {
      const why = input.damage === undefined ? '' : `: ${input.damage}`;
      throw new AircheckError('media-invalid', `There is nothing in the file but its header${why}`);
    }
    const { mimeType, extension } = await fileType(input, path);
    const facts = { mimeType, extension, durationMs, sizeBytes: size, video: videoInfo, audio: audioInfo };
    return { facts, ...(digests === true && (await hash({ source: { fileId: '', path, mimeType } }, context))) };
  } finally {
    pictures?.close();
    sound?.close();
    await input.close();
  }
};

/** Counts a track's packets, and decodes the first ones. */
class Track {
  packets = 0;
  bytes = 0;
  startMs = Number.POSITIVE_INFINITY;
  endMs = 0;
  /** Of what was decoded. */
  width = 0;
  height = 0;
  sampleRate = 0;
  channels = 0;
  readonly #input: MediaInput;
  readonly #stream: InputStream;
  readonly #decoder: StreamDecoder;
  #lastMs: number | undefined;

  constructor(input: MediaInput, stream: InputStream) {
    this.#input = input;
    this.#stream = stream;
    this.#decoder = new StreamDecoder(input, stream);
  }

  /** Takes the packet that was read. */
  add(stream: InputStream): void {
    const { av, packet } = this.#input;
    if (packet.getSideData(av.AV_PKT_DATA_ENCRYPTION_INFO) !== null) {
      throw new AircheckError('media-invalid', `The ${this.#kind} is encrypted`);
    }
    if (this.#decoder.frames < PROVING_FRAMES) this.#prove(packet);
    // Decoded for what follows, not shown: what lies before the beginning of a clip.
    if (packet.hasFlags(av.AV_PKT_FLAG_DISCARD)) return;
    this.packets += 1;
    this.bytes += packet.size;
    const ms = this.#input.packetMs(stream);
    if (ms === undefined) return;
    const durationMs = Number(packet.duration) * stream.msPerTick || Math.max(0, ms - (this.#lastMs ?? ms));
    this.#lastMs = ms;
    this.startMs = Math.min(this.startMs, Math.max(0, ms));
    this.endMs = Math.max(this.endMs, ms + durationMs);
  }

  get #kind(): string {
    return this.#stream.kind === 'video' ? 'picture' : 'sound';
  }

  #prove(packet: MediaInput['packet'] | null): void {
    for (const frame of this.#decoder.decode(packet)) {
      if (this.#stream.kind === 'video') {
        const { sampleAspectRatio } = frame.sampleAspectRatio.num > 0 ? frame : this.#stream.parameters;
        const { width, height } = frame;
        if (width > MAX_PICTURE_SIDE || height > MAX_PICTURE_SIDE) {
          throw new AircheckError(
            'media-invalid',
            `A picture of ${width}×${height}: ${MAX_PICTURE_SIDE} a side are taken`,
          );
        }
        const size = displaySize({ width, height, sampleAspectRatio }, this.#stream.quarterTurns);
        if (size.width * size.height > this.width * this.height) ({ width: this.width, height: this.height } = size);
      } else {
        ({ sampleRate: this.sampleRate, channels: this.channels } = frame);
      }
    }
    if (this.#decoder.frames === 0 && this.packets >= PROVING_PACKETS) this.#refuse();
  }

  #refuse(): never {
    const why = this.#decoder.damage ?? 'nothing came out of them';
    throw new AircheckError('media-invalid', `The ${this.#kind} (${this.#stream.codec}) cannot be decoded: ${why}`);
  }

  finish(): void {
    if (this.packets === 0) return;
    if (this.#decoder.frames < PROVING_FRAMES) this.#prove(null);
    if (this.#decoder.frames === 0) this.#refuse();
  }

  get bitrateBps(): number {
    return Math.round((this.bytes * 8000) / Math.max(SHORTEST_MS, this.endMs - this.startMs));
  }

  close(): void {
    this.#decoder.close();
  }
}

function describePictures(
  { width, height, packets, startMs, endMs, bitrateBps }: Track,
  stream: InputStream,
): VideoInfo {
  const fps = (packets * 1000) / Math.max(SHORTEST_MS, endMs - startMs);
  return {
    codec: stream.codec,
    width,
    height,
    frames: packets,
    fps: Math.round(fps * 100) / 100,
    bitrateBps,
    ...(stream.quarterTurns !== 0 && { rotation: stream.quarterTurns * 90 }),
  };
}

function describeSound({ sampleRate, channels, packets, bitrateBps }: Track, { codec }: InputStream): AudioInfo {
  return { codec, sampleRate, channels, packets, bitrateBps };
}
