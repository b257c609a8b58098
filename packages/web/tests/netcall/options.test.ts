import { AircheckError } from '@aircheck/web';
import { NetcallError, netcallConstants, netcallErrorTexts } from '@aircheck/web/netcall';
import { describe, expect, it } from 'vitest';
import { checkMediaMixConfig } from '../../src/netcall/media-mix-config.ts';
import { readSessionConfig, type SessionConfig } from '../../src/netcall/session-config.ts';

/** The vendor's number and the field that an error names. */
function refusal(call: () => unknown): [number, string | undefined] | undefined {
  try {
    call();
  } catch (error) {
    if (error instanceof NetcallError) return [error.code, error.input];
    throw error;
  }
  return undefined;
}

describe('sessionConfig', () => {
  it('has the vendor’s defaults and keeps live options for live mode', () => {
    expect(readSessionConfig({}, false)).toEqual({
      width: 640,
      height: 480,
      frameRate: 15,
      highAudio: false,
      live: undefined,
      recordsHost: false,
    });
    const config: SessionConfig = { rtmpUrl: 'rtmp://push/live', rtmpRecord: true, splitMode: 2, recordVideo: true };
    expect(readSessionConfig(config, false)).toMatchObject({ live: undefined, recordsHost: false });
    const live = { rtmpUrl: 'rtmp://push/live', rtmpRecord: true, splitMode: 2 };
    expect(readSessionConfig(config, true)).toMatchObject({ live, recordsHost: true });
    for (const field of ['liveEnable', 'bypassRtmp']) {
      expect(readSessionConfig({ ...config, [field]: true }, false)).toMatchObject({ live, recordsHost: true });
    }
  });

  it('records nobody who links a mic: there is no rtmpUrl', () => {
    expect(readSessionConfig({ rtmpRecord: true }, true)).toMatchObject({
      live: { rtmpRecord: true, splitMode: 0 },
      recordsHost: false,
    });
  });

  it('says how large and how often the camera is asked for pictures, up to the cap', () => {
    const { CHAT_VIDEO_QUALITY_1080P, CHAT_VIDEO_QUALITY_720P, CHAT_VIDEO_FRAME_RATE_25 } = netcallConstants;
    const wanted = { videoQuality: CHAT_VIDEO_QUALITY_1080P, videoFrameRate: CHAT_VIDEO_FRAME_RATE_25 };
    expect(readSessionConfig(wanted, false)).toMatchObject({ width: 1280, height: 720, frameRate: 25 });
    const capped = { videoQuality: CHAT_VIDEO_QUALITY_720P, maxVideoQuality: netcallConstants.CHAT_VIDEO_QUALITY_480P };
    expect(readSessionConfig(capped, false)).toMatchObject({ width: 640, height: 480 });
    // NORMAL is the least number, but not the least picture.
    const low = { maxVideoQuality: netcallConstants.CHAT_VIDEO_QUALITY_LOW };
    expect(readSessionConfig(low, false)).toMatchObject({ width: 176, height: 144 });
  });

  it.each([
    [{ videoQuality: 8 }, 400, 'sessionConfig.videoQuality'],
    [{ videoFrameRate: 1.5 }, 400, 'sessionConfig.videoFrameRate'],
    [{ videoBitrate: 99_999 }, 400, 'sessionConfig.videoBitrate'],
    [{ splitMode: 6 }, 400, 'sessionConfig.splitMode'],
    [{ splitMode: 4 }, 208, 'sessionConfig.layout'],
    [{ layout: '{"host_area": {"position_x": 10001}}' }, 208, 'sessionConfig.layout'],
    [{ layout: 'null' }, 208, 'sessionConfig.layout'],
    [{ rtmpUrl: 'x'.repeat(2001) }, 400, 'sessionConfig.rtmpUrl'],
  ] satisfies [SessionConfig, number, string][])('refuses %j with %i', (config, code, input) => {
    expect(refusal(() => readSessionConfig(config, true))).toEqual([code, input]);
  });

  it('takes a layout of one’s own', () => {
    const area = { position_x: 0, position_y: 0, width_rate: 10_000, height_rate: 5_000 };
    const layout = JSON.stringify({ version: 0, host_area: { adaption: 1, ...area }, n_host_area_0: area });
    expect(readSessionConfig({ splitMode: 4, layout }, true).live).toEqual({ splitMode: 4, rtmpRecord: false, layout });
  });
});

describe('setMediaMixConfig', () => {
  it('is checked, and refuses pictures that would have to be mixed', () => {
    expect(checkMediaMixConfig({ enableMixVideo: false, videoLayout: 4, videoCompressSize: 0 })).toBeDefined();
    expect(refusal(() => checkMediaMixConfig({ videoLayout: 0 }))).toEqual([400, 'videoLayout']);
    expect(refusal(() => checkMediaMixConfig({ videoCompressSize: 7 }))).toEqual([400, 'videoCompressSize']);
    expect(refusal(() => checkMediaMixConfig({ enableMixVideo: true }))).toEqual([67005, 'enableMixVideo']);
  });
});

describe('NetcallError', () => {
  it('has the vendor’s number in both places where pages look for it, and our own error as its cause', () => {
    const cause = new AircheckError('room-not-found', 'There is no room "x"');
    const error = NetcallError.from(cause);
    expect(error).toMatchObject({ code: 404, message: 'There is no room "x"', messageZh: '不存在', cause });
    expect(error.event.event.code).toBe(404);
    expect(NetcallError.from(error)).toBe(error);
    expect(NetcallError.from(new AircheckError('timeout', 'late')).code).toBe(101);
    expect(NetcallError.from(new AircheckError('live-host-exists', 'second')).code).toBe(105);
    expect(NetcallError.from(new AircheckError('internal', 'broken')).code).toBe(500);
    expect(NetcallError.from(new DOMException('no', 'NotAllowedError')).code).toBe(401);
  });

  it('has words for every number of recording in the browser, in both languages', () => {
    for (let code = 67001; code <= 67008; code += 1) {
      expect(netcallErrorTexts[code]).toEqual({ en: expect.any(String), zh: expect.any(String) });
    }
  });
});
