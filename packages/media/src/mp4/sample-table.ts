import type { BoxWriter } from './box-writer.ts';
import { GrowableFloat64Array, GrowableUint32Array } from './growable-array.ts';

/**
 * What a track's sample table box needs, a few bytes a sample: 90 minutes of picture and sound stay under 5 MB.
 * Times and offsets that repeat are kept as runs, as the boxes have them (ISO/IEC 14496-12 §8.6, §8.7).
 */
export class SampleTable {
  readonly #sizes = new GrowableUint32Array();
  readonly #durationCounts = new GrowableUint32Array();
  readonly #durations = new GrowableUint32Array();
  readonly #compositionCounts = new GrowableUint32Array();
  readonly #compositionOffsets = new GrowableUint32Array();
  readonly #syncSamples = new GrowableUint32Array();
  readonly #chunkOffsets = new GrowableFloat64Array();
  readonly #chunkSampleCounts = new GrowableUint32Array();
  readonly #chunkFormats = new GrowableUint32Array();
  #totalDuration = 0;
  #reordered = false;
  #negativeOffsets = false;

  get sampleCount(): number {
    return this.#sizes.length;
  }

  /** Sum of all durations, in the track's timescale. */
  get totalDuration(): number {
    return this.#totalDuration;
  }

  /** The first sample's duration, or 0. */
  get firstDuration(): number {
    return this.#durations.view()[0] ?? 0;
  }

  /**
   * Begins a run of samples that lie in the file one behind another.
   *
   * @param formatIndex - 1-based number of their sample entry
   */
  beginChunk(offset: number, formatIndex: number): void {
    this.#chunkOffsets.push(offset);
    this.#chunkSampleCounts.push(0);
    this.#chunkFormats.push(formatIndex);
  }

  /** Adds a sample to the last chunk. */
  add(size: number, duration: number, keyFrame: boolean, compositionOffset: number): void {
    this.#sizes.push(size);
    this.#chunkSampleCounts.increaseLast(1);
    this.#totalDuration += duration;
    pushRun(this.#durationCounts, this.#durations, duration);
    pushRun(this.#compositionCounts, this.#compositionOffsets, compositionOffset >>> 0);
    if (compositionOffset !== 0) this.#reordered = true;
    if (compositionOffset < 0) this.#negativeOffsets = true;
    if (keyFrame) this.#syncSamples.push(this.#sizes.length);
  }

  /**
   * Writes `stts`, `ctts`, `stss`, `stsc`, `stsz` and `stco` or `co64`.
   *
   * @param base - what is added to each chunk's offset
   * @param wide - offsets have 64 bits, be they needed or not
   */
  write(writer: BoxWriter, base = 0, wide = false): void {
    writeRuns(writer, 'stts', 0, this.#durationCounts.view(), this.#durations.view());
    if (this.#reordered) {
      const version = this.#negativeOffsets ? 1 : 0;
      writeRuns(writer, 'ctts', version, this.#compositionCounts.view(), this.#compositionOffsets.view());
    }
    // Without the box every sample is a sync sample, which is what sound is (§8.6.2).
    if (this.#syncSamples.length < this.#sizes.length) {
      const stss = writer.openFull('stss', 0, 0);
      writer.u32(this.#syncSamples.length);
      writer.u32s(this.#syncSamples.view());
      writer.close(stss);
    }
    this.#writeChunkRuns(writer);
    const stsz = writer.openFull('stsz', 0, 0);
    writer.u32(0);
    writer.u32(this.#sizes.length);
    writer.u32s(this.#sizes.view());
    writer.close(stsz);
    this.#writeChunkOffsets(writer, base, wide);
  }

  #writeChunkRuns(writer: BoxWriter): void {
    const counts = this.#chunkSampleCounts.view();
    const formats = this.#chunkFormats.view();
    const stsc = writer.openFull('stsc', 0, 0);
    const entryCount = writer.length;
    writer.u32(0);
    let entries = 0;
    for (let chunk = 0; chunk < counts.length; chunk++) {
      if (chunk > 0 && counts[chunk] === counts[chunk - 1] && formats[chunk] === formats[chunk - 1]) continue;
      writer.u32(chunk + 1);
      writer.u32(counts[chunk]!);
      writer.u32(formats[chunk]!);
      entries++;
    }
    writer.patchU32(entryCount, entries);
    writer.close(stsc);
  }

  #writeChunkOffsets(writer: BoxWriter, base: number, alwaysWide: boolean): void {
    const offsets = this.#chunkOffsets.view();
    const wide = alwaysWide || (this.#chunkOffsets.last() ?? 0) + base > 0xffffffff;
    const box = writer.openFull(wide ? 'co64' : 'stco', 0, 0);
    writer.u32(offsets.length);
    for (const offset of offsets) {
      if (wide) writer.u64(base + offset);
      else writer.u32(base + offset);
    }
    writer.close(box);
  }
}

function pushRun(counts: GrowableUint32Array, values: GrowableUint32Array, value: number): void {
  if (values.last() === value) {
    counts.increaseLast(1);
  } else {
    counts.push(1);
    values.push(value);
  }
}

function writeRuns(writer: BoxWriter, type: string, version: number, counts: Uint32Array, values: Uint32Array): void {
  const box = writer.openFull(type, version, 0);
  writer.u32(counts.length);
  writer.u32Pairs(counts, values);
  writer.close(box);
}
