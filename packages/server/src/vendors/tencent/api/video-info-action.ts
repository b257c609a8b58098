import type { Derivative } from '@aircheck/protocol';
import { extensionOf, siblingUrl, type VendorFile } from '../../vendor-files.ts';
import { playSetOf, seconds } from '../media-facts.ts';
import { classNames } from './class-actions.ts';
import { type Actions, fileOf } from './context.ts';
import { mediaFields, statusNumber, vendorFilesOf } from './media-format.ts';
import type { Parameters } from './parameters.ts';
import { toUnixTime } from './times.ts';

type Classes = ReadonlyMap<number, string>;

const parts: Readonly<Record<string, (file: VendorFile, classes: Classes) => object | undefined>> = {
  basicInfo: ({ stored, urls }, classes) => {
    const { asset } = stored;
    return {
      name: asset.fileName,
      size: asset.sizeBytes,
      duration: seconds(asset.durationMs),
      description: asset.intro,
      status: { 2: 'normal', 3: 'banned' }[statusNumber(asset)] ?? asset.state,
      createTime: toUnixTime(asset.createdAt),
      updateTime: toUnixTime(asset.updatedAt),
      expireTime: toUnixTime(asset.expiresAt),
      classificationId: asset.classId,
      classificationName: classes.get(asset.classId) ?? '',
      playerId: 0,
      coverUrl: urls.poster ?? '',
      type: extensionOf(stored),
      sourceVideoUrl: urls.mp4,
    };
  },
  metaData: (file) => {
    const { video, sizeBytes } = file.stored.asset;
    return { ...originalFields(file), rotate: video?.rotation ?? 0, totalSize: sizeBytes };
  },
  transcodeInfo: (file) => {
    const renditions = file.derivatives.filter(({ kind }) => kind === 'rendition');
    if (renditions.length === 0) return undefined;
    const [original, ...made] = playSetOf(file);
    return {
      idrAlignment: 0,
      transcodeList: [
        { url: original!.url, definition: 0, ...originalFields(file) },
        ...made.map(({ url, definition }, index) => ({ url, definition, ...renditionFields(renditions[index]!, url) })),
      ],
    };
  },
  imageSpriteInfo: (file) => {
    const sprites = picturesOf(file, 'sprite');
    if (sprites.length === 0) return undefined;
    return {
      imageSpriteList: sprites.map(({ url, made: { definition, info } }) => ({
        definition,
        height: info.tileHeight ?? 0,
        width: info.tileWidth ?? 0,
        totalCount: info.tiles ?? 0,
        imageUrls: (info.sheets ?? []).map((sheet) => siblingUrl(url, sheet)),
        webVttUrl: info.vtt === undefined ? '' : siblingUrl(url, info.vtt),
      })),
    };
  },
  snapshotByTimeOffsetInfo: (file) => {
    const single = snapshotsOf(file).filter(({ made }) => made.info.samplePercent === undefined);
    const snapshots = Map.groupBy(single, ({ made }) => made.definition);
    if (snapshots.size === 0) return undefined;
    return {
      snapshotByTimeOffsetList: [...snapshots].map(([definition, list]) => ({
        definition,
        picInfoList: list.map(({ url, made }) => ({ timeOffset: Math.round(made.info.timeOffsetMs ?? 0), url })),
      })),
    };
  },
  /** An element for each time that the file was sampled. */
  sampleSnapshotInfo: (file) => {
    const sampled = snapshotsOf(file).filter(({ made }) => made.info.samplePercent !== undefined);
    if (sampled.length === 0) return undefined;
    return [...Map.groupBy(sampled, ({ made }) => made.jobId).values()].map((pictures) => {
      const { definition, info } = pictures[0]!.made;
      const imageUrls = pictures.map(({ url }) => url);
      return { definition, sampleType: 'percent', Interval: info.samplePercent, imageUrls };
    });
  },
};

/** Known to the vendor, and never there in this library. */
const absent = ['drm', 'animatedGraphicsInfo', 'keyFrameDescInfo', 'aiAnalysisInfo'];
const known = [...Object.keys(parts), ...absent];

/** All that is known of one file (266/8586). Parts of which there is nothing are left out, as the vendor does. */
export const videoInfoActions: Actions = {
  async GetVideoInfo(context, parameters) {
    const wanted = filterOf(parameters);
    const stored = await fileOf(context, parameters);
    const [[file], classes] = await Promise.all([vendorFilesOf(context, [stored]), classNames(context)]);
    return Object.fromEntries(
      Object.entries(parts)
        .filter(([name]) => wanted.includes(name))
        .map(([name, part]) => [name, part(file!, classes)]),
    );
  },
};

function filterOf(parameters: Parameters): readonly string[] {
  const given = parameters.list('infoFilter');
  if (given.some((name) => !known.includes(name))) {
    throw parameters.invalid('infoFilter', `must be of ${known.join(', ')}`);
  }
  return given.length === 0 ? known : given;
}

function originalFields({ stored }: VendorFile): object {
  return mediaFields({ ...stored.asset, container: extensionOf(stored) });
}

function renditionFields({ info, sizeBytes }: Derivative, url: string): object {
  const container = extensionOf({ path: new URL(url).pathname });
  return mediaFields({ ...info, sizeBytes, durationMs: info.durationMs ?? 0, container });
}

/** In the order of their times. */
function snapshotsOf(file: VendorFile) {
  const placeOf = ({ made }: { readonly made: Derivative }) => made.info.timeOffsetMs ?? 0;
  return picturesOf(file, 'snapshot').toSorted((a, b) => placeOf(a) - placeOf(b));
}

function picturesOf({ derivatives, urls }: VendorFile, kind: Derivative['kind']) {
  const links = new Map(urls.images.map(({ derivativeId, url }) => [derivativeId, url]));
  return derivatives
    .filter((made) => made.kind === kind)
    .map((made) => ({ made, url: links.get(made.derivativeId) ?? '' }));
}
