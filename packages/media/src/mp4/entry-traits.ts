import { ByteReader } from '../container/index.ts';
import { findBox, readBoxes } from './box-reader.ts';
import { AUDIO_SAMPLE_ENTRY_LENGTH, readAudioSpecificConfig } from './movie-reader.ts';

/** What a sample entry says at its beginning, whatever codec it is of. */
export interface EntryTraits {
  /** As FFmpeg calls it: `h264`, `hevc`, `aac` …; for what is not known here, the entry's own four letters. */
  readonly codec: string;
  /** In pixels; 0 for sound. */
  readonly width: number;
  readonly height: number;
  /** 0 for picture. */
  readonly channels: number;
  readonly sampleRate: number;
}

/** Names of sample entries at the MP4 registration authority, and in files of QuickTime. */
const CODECS: Readonly<Record<string, string>> = {
  avc1: 'h264',
  avc3: 'h264',
  hvc1: 'hevc',
  hev1: 'hevc',
  vp08: 'vp8',
  vp09: 'vp9',
  av01: 'av1',
  mp4v: 'mpeg4',
  s263: 'h263',
  mp4a: 'aac',
  Opus: 'opus',
  'ac-3': 'ac3',
  'ec-3': 'eac3',
  fLaC: 'flac',
  '.mp3': 'mp3',
  samr: 'amr_nb',
  sawb: 'amr_wb',
};

/** Reads a whole sample entry box (ISO/IEC 14496-12 §12.1.3 and §12.2.3). */
export function entryTraits(kind: 'video' | 'audio', entry: Uint8Array): EntryTraits {
  const reader = new ByteReader(entry);
  reader.skip(4);
  const type = reader.fourCc();
  const codec = Object.hasOwn(CODECS, type) ? CODECS[type]! : type.toLowerCase().replaceAll(/[^a-z0-9]/g, '_');
  if (kind === 'video') {
    reader.skip(24);
    return { codec, width: reader.u16(), height: reader.u16(), channels: 0, sampleRate: 0 };
  }
  reader.skip(8);
  const version = reader.u16();
  reader.skip(6);
  const channels = reader.u16();
  reader.skip(6);
  const sampleRate = Math.floor(reader.u32() / 65536);
  // Entries of QuickTime, which have a version, are of another form.
  const exact = type === 'mp4a' && version === 0 ? aacTraits(entry) : undefined;
  return { codec, width: 0, height: 0, channels, sampleRate, ...exact };
}

const AAC_RATES = [96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350];
const AAC_CHANNELS = [0, 1, 2, 3, 4, 5, 6, 8];

/** What the AudioSpecificConfig says (ISO/IEC 14496-3 §1.6.2.1): many writers put two channels into every entry. */
function aacTraits(entry: Uint8Array): Pick<EntryTraits, 'channels' | 'sampleRate'> | undefined {
  const esds = findBox(readBoxes(entry.subarray(8 + AUDIO_SAMPLE_ENTRY_LENGTH)), 'esds');
  const config = esds && readAudioSpecificConfig(esds.payload);
  if (config === undefined || config.byteLength < 2) return undefined;
  const bits = (config[0]! << 8) | config[1]!;
  const sampleRate = AAC_RATES[(bits >> 7) & 15];
  const channels = AAC_CHANNELS[(bits >> 3) & 15];
  return sampleRate === undefined || !channels ? undefined : { channels, sampleRate };
}
