import type { VideoFormat } from '../container/index.ts';
import { BoxWriter } from './box-writer.ts';
import { writeVideoSampleEntry } from './sample-entry.ts';

/** Sample entries a track may have. A sender that goes on changing its format gets no more of them. */
const MAX_SAMPLE_ENTRIES = 255;

/** The picture formats of a track so far, each with its sample entry. */
export class PictureFormats {
  readonly #formats: VideoFormat[] = [];
  readonly #sampleEntries: Uint8Array[] = [];
  #selected = 0;

  /** @throws MediaError `container-unsupported` for VP8 */
  constructor(first: VideoFormat) {
    this.select(first);
  }

  /** Whole sample entry boxes. */
  get sampleEntries(): readonly Uint8Array[] {
    return this.#sampleEntries;
  }

  /** 1-based number of the sample entry of the format that was selected last. */
  get selected(): number {
    return this.#selected;
  }

  get width(): number {
    return Math.max(...this.#formats.map((format) => format.width));
  }

  get height(): number {
    return Math.max(...this.#formats.map((format) => format.height));
  }

  /**
   * A format seen before gets its old sample entry, a new one a new entry. Past 255 entries the one selected last stays:
   * players decode by the parameter sets in band.
   */
  select(format: VideoFormat): void {
    const known = this.#formats.findIndex((other) => sameFormat(other, format));
    if (known >= 0) {
      this.#selected = known + 1;
    } else if (this.#formats.length < MAX_SAMPLE_ENTRIES) {
      const writer = new BoxWriter(256);
      writeVideoSampleEntry(writer, format);
      this.#sampleEntries.push(writer.finish());
      this.#formats.push(format);
      this.#selected = this.#formats.length;
    }
  }
}

function sameFormat(a: VideoFormat, b: VideoFormat): boolean {
  return (
    a.width === b.width &&
    a.height === b.height &&
    a.description.byteLength === b.description.byteLength &&
    a.description.every((byte, index) => byte === b.description[index])
  );
}
