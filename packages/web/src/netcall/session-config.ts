import type { LiveOptions } from '../core/index.ts';
import { type NetcallType, netcallConstants, videoFrameRates, videoQualitySizes } from './constants.ts';
import { NetcallError } from './netcall-error.ts';

/** Yunxin's `sessionConfig`; a field that is absent has the vendor's default. */
export interface SessionConfig {
  /** `CHAT_VIDEO_QUALITY_…`, NORMAL by default: how large the camera's picture is. */
  videoQuality?: number;
  /** No picture is larger than this; 720P by default. */
  maxVideoQuality?: number;
  /** `CHAT_VIDEO_FRAME_RATE_…`, NORMAL (15 pictures a second) by default. */
  videoFrameRate?: number;
  /** 100000–5000000, or 0 for the default. Checked; the connection itself decides how much it carries. */
  videoBitrate?: number;
  videoEncodeMode?: number;
  highAudio?: boolean;
  /** Server recording of calls between two; such calls are not recorded here. */
  recordVideo?: boolean;
  recordAudio?: boolean;
  /** 0 mixed and single, 1 mixed, 2 single. */
  recordType?: number;
  isHostSpeaker?: boolean;
  singleRecord?: boolean;
  /** Live interaction; means the same as `liveEnable` of `joinChannel`. */
  liveEnable?: boolean;
  /** The former name of `liveEnable`. */
  bypassRtmp?: boolean;
  /** Where the host's live picture is pushed to; the host has one, who links a mic has none. */
  rtmpUrl?: string;
  /** Record what is pushed. */
  rtmpRecord?: boolean;
  /** `LAYOUT_…` of the pushed picture. */
  splitMode?: number;
  /** JSON of a layout of one's own, with `splitMode` `LAYOUT_SPLITCUSTOM`. */
  layout?: string;
}

/** `sessionConfig` after it was checked. */
export interface ReadSessionConfig {
  readonly width: number;
  readonly height: number;
  readonly frameRate: number;
  readonly highAudio: boolean;
  /** What the server is told about live mixing when the channel is joined; undefined outside of live mode. */
  readonly live: Partial<LiveOptions> | undefined;
  /** The host's own sound and picture are to be recorded on the server from joining to leaving. */
  readonly recordsHost: boolean;
}

/**
 * Checks a `sessionConfig` and takes out what counts here.
 * @param liveEnable - that of `joinChannel`; the vendor's pages write it there or into `sessionConfig`
 * @throws NetcallError 400 with the field's name; 208 for a layout that cannot be read
 */
export function readSessionConfig(config: SessionConfig, liveEnable: boolean): ReadSessionConfig {
  const { CHAT_VIDEO_QUALITY_NORMAL, CHAT_VIDEO_QUALITY_720P } = netcallConstants;
  const wanted = sizeOf(config, 'videoQuality', CHAT_VIDEO_QUALITY_NORMAL);
  const most = sizeOf(config, 'maxVideoQuality', CHAT_VIDEO_QUALITY_720P);
  const [width, height] = wanted[0] * wanted[1] > most[0] * most[1] ? most : wanted;
  const frameRate = numberedField(config, 'videoFrameRate', videoFrameRates.length, 0);
  checkBitrate(config.videoBitrate ?? 0, 'sessionConfig.videoBitrate');
  const live = liveEnable || config.liveEnable === true || config.bypassRtmp === true;
  return {
    width,
    height,
    frameRate: videoFrameRates[frameRate] ?? 15,
    highAudio: flag(config, 'highAudio'),
    live: live ? liveOptions(config) : undefined,
    recordsHost: live && flag(config, 'rtmpRecord') && (config.rtmpUrl ?? '') !== '',
  };
}

/** @throws NetcallError 400 unless it is one of the vendor's two numbers */
export function checkType(type: unknown): NetcallType {
  if (type === netcallConstants.NETCALL_TYPE_AUDIO || type === netcallConstants.NETCALL_TYPE_VIDEO) return type;
  throw new NetcallError(400, 'type must be NETCALL_TYPE_AUDIO (1) or NETCALL_TYPE_VIDEO (2)', { input: 'type' });
}

function liveOptions(config: SessionConfig): Partial<LiveOptions> {
  const { rtmpUrl = '', layout = '' } = config;
  if (typeof rtmpUrl !== 'string' || rtmpUrl.length > 2000) {
    throw new NetcallError(400, 'rtmpUrl must be text of at most 2000 letters', { input: 'sessionConfig.rtmpUrl' });
  }
  const splitMode = numberedField(config, 'splitMode', 6, netcallConstants.LAYOUT_SPLITBOTTOMHORFLOATING);
  if (layout !== '' || splitMode === netcallConstants.LAYOUT_SPLITCUSTOM) checkLayout(layout);
  return {
    splitMode,
    rtmpRecord: flag(config, 'rtmpRecord'),
    ...(rtmpUrl !== '' && { rtmpUrl }),
    ...(layout !== '' && { layout }),
  };
}

function sizeOf(
  config: SessionConfig,
  field: 'videoQuality' | 'maxVideoQuality',
  otherwise: number,
): readonly [number, number] {
  return videoQualitySizes[numberedField(config, field, videoQualitySizes.length, otherwise)] ?? [640, 480];
}

function numberedField(
  config: SessionConfig,
  field: 'videoQuality' | 'maxVideoQuality' | 'videoFrameRate' | 'splitMode',
  count: number,
  otherwise: number,
): number {
  const value = config[field] ?? otherwise;
  if (Number.isInteger(value) && value >= 0 && value < count) return value;
  throw new NetcallError(400, `${field} must be a whole number from 0 to ${count - 1}`, {
    input: `sessionConfig.${field}`,
  });
}

function flag(config: SessionConfig, field: 'highAudio' | 'rtmpRecord'): boolean {
  const value = config[field] ?? false;
  if (typeof value === 'boolean') return value;
  throw new NetcallError(400, `${field} must be true or false`, { input: `sessionConfig.${field}` });
}

/** @throws NetcallError 400 unless it is one that the vendor takes */
export function checkBitrate(bitrate: number, input: string): void {
  if (bitrate === 0 || (bitrate >= 100_000 && bitrate <= 5_000_000)) return;
  throw new NetcallError(400, 'A bit rate is 0, or from 100000 to 5000000', { input });
}

/** The fields of an area, in units of a ten-thousandth of the picture. */
const areaFields = ['position_x', 'position_y', 'width_rate', 'height_rate'] as const;

function checkLayout(layout: string): void {
  const bad = (detail: string) => new NetcallError(208, detail, { input: 'sessionConfig.layout' });
  if (typeof layout !== 'string' || layout.length > 16_000) throw bad('layout must be text of at most 16000 letters');
  let parsed: unknown;
  try {
    parsed = JSON.parse(layout);
  } catch (cause) {
    throw new NetcallError(208, 'layout must be JSON', { cause, input: 'sessionConfig.layout' });
  }
  if (typeof parsed !== 'object' || parsed === null) throw bad('layout must be a JSON object');
  for (const [name, area] of Object.entries(parsed)) {
    if (name !== 'host_area' && !/^n_host_area_\d+$/.test(name)) continue;
    if (typeof area !== 'object' || area === null) throw bad(`${name} of layout must be an object`);
    for (const field of areaFields) {
      const value: unknown = area[field];
      if (typeof value !== 'number' || value < 0 || value > 10_000) {
        throw bad(`${name}.${field} of layout must be a number from 0 to 10000`);
      }
    }
  }
}
