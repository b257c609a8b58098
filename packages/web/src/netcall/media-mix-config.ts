import { NetcallError } from './netcall-error.ts';

/** The vendor's `setMediaMixConfig`. */
export interface MediaMixConfig {
  enableMixVideo?: boolean;
  /** 1 to 4. */
  videoLayout?: number;
  /** 0 to 6, as `CHAT_VIDEO_QUALITY_…`. */
  videoCompressSize?: number;
}

/** @throws NetcallError 400 naming the field, 67005 for mixed pictures, which no browser records here */
export function checkMediaMixConfig(config: MediaMixConfig): MediaMixConfig {
  const { enableMixVideo, videoLayout, videoCompressSize } = config;
  if (enableMixVideo !== undefined && typeof enableMixVideo !== 'boolean') {
    throw new NetcallError(400, 'enableMixVideo must be true or false', { input: 'enableMixVideo' });
  }
  checkRange('videoLayout', videoLayout, 1, 4);
  checkRange('videoCompressSize', videoCompressSize, 0, 6);
  if (enableMixVideo === true) {
    throw new NetcallError(67005, 'Pictures are recorded one by one in the browser: record each account', {
      input: 'enableMixVideo',
    });
  }
  return config;
}

function checkRange(input: string, value: number | undefined, from: number, to: number): void {
  if (value === undefined || (Number.isInteger(value) && value >= from && value <= to)) return;
  throw new NetcallError(400, `${input} must be a whole number from ${from} to ${to}`, { input });
}
