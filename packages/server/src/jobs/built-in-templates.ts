import type { Template, TemplateKind, TranscodeSpec } from '@aircheck/protocol';

/** What a rendition of a job `aac` is called, which has no template: an MP4 with the picture as it came. */
export const aacDefinition = 60;
export const defaultSprite = 510;
export const defaultSnapshot = 610;
/** Stands for the first watermark template of the app, as it is when a job begins. Own templates have larger numbers. */
export const firstWatermark = 1;

type Container = TranscodeSpec['container'];

/** Sizes as Tencent's VOD has them, of which its definitions 10, 20, 30 and 40 are known. */
const sizes = [
  { definition: 10, name: 'Mobile', height: 360, bitrateBps: 400_000, audioBps: 64_000 },
  { definition: 20, name: 'SD', height: 540, bitrateBps: 1_000_000, audioBps: 64_000 },
  { definition: 30, name: 'HD', height: 720, bitrateBps: 1_800_000, audioBps: 96_000 },
  { definition: 40, name: 'FHD', height: 1080, bitrateBps: 3_000_000, audioBps: 128_000 },
] as const;

function renditions(container: Container, label: string, offset: number): Template[] {
  return sizes.map(({ definition, name, height, bitrateBps, audioBps }) => ({
    definition: definition + offset,
    name: `${name} ${label}`,
    builtIn: true,
    kind: 'transcode',
    spec: {
      container,
      video: { codec: 'h264', height, fps: 30, bitrateBps },
      audio: { codec: 'aac', bitrateBps: audioBps, sampleRate: 48_000, channels: 2 },
    },
  }));
}

/** Templates that every app has; numbers of own ones begin at 1000. */
export const builtInTemplates: readonly Template[] = [
  ...renditions('mp4', 'MP4', 0),
  {
    definition: 50,
    name: 'AAC audio',
    builtIn: true,
    kind: 'transcode',
    spec: {
      container: 'm4a',
      video: null,
      audio: { codec: 'aac', bitrateBps: 64_000, sampleRate: 48_000, channels: 2 },
    },
  },
  ...renditions('hls', 'HLS', 200),
  {
    definition: defaultSprite,
    name: 'Sprite 10 × 10',
    builtIn: true,
    kind: 'sprite',
    spec: { tileWidth: 160, columns: 10, rows: 10 },
  },
  { definition: defaultSnapshot, name: 'Snapshot', builtIn: true, kind: 'snapshot', spec: { format: 'jpeg' } },
];

/** Tencent numbers each kind on its own, where the first sprite and the first snapshot template are 10. */
const vendorNumbers: Partial<Record<TemplateKind, Readonly<Record<number, number>>>> = {
  sprite: { 10: defaultSprite },
  snapshot: { 10: defaultSnapshot },
};

export function builtIn(definition: number, kind?: TemplateKind): Template | undefined {
  const own = (kind === undefined ? undefined : vendorNumbers[kind]?.[definition]) ?? definition;
  return builtInTemplates.find((template) => template.definition === own);
}
