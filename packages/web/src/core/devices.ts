import { AircheckError } from '@aircheck/protocol/errors';
import type { Platform } from './platform.ts';

export interface Device {
  readonly deviceId: string;
  /** Empty until the page was allowed to use a device of that kind. */
  readonly label: string;
}

export interface Devices {
  readonly cameras: readonly Device[];
  readonly microphones: readonly Device[];
  readonly speakers: readonly Device[];
}

type DevicePlatform = Pick<Platform, 'mediaDevices'>;

/** The cameras, microphones and loudspeakers there are. */
export async function listDevices(platform: DevicePlatform): Promise<Devices> {
  const devices = await mediaDevicesOf(platform).enumerateDevices();
  const ofKind = (kind: MediaDeviceKind): Device[] =>
    devices
      .filter((device) => device.kind === kind && device.deviceId !== '')
      .map(({ deviceId, label }) => ({ deviceId, label }));
  return { cameras: ofKind('videoinput'), microphones: ofKind('audioinput'), speakers: ofKind('audiooutput') };
}

/** Which camera: one by its id, or that of a side, where a phone or tablet has two. */
export type CameraChoice = string | { readonly facingMode: 'user' | 'environment' };

/**
 * Tells when a device was plugged in or out, with all that there are then. Chromium on Android never does
 * (https://github.com/mdn/browser-compat-data, `api/MediaDevices.json`).
 * @returns a function that ends it
 */
export function watchDevices(platform: DevicePlatform, listener: (devices: Devices) => void): () => void {
  const { mediaDevices } = platform;
  const changed = () => {
    // A page that may not look at the devices is told of none.
    void listDevices(platform).then(listener, () => {});
  };
  // Runtimes that are no browser may have no such event.
  mediaDevices?.addEventListener?.('devicechange', changed);
  return () => mediaDevices?.removeEventListener?.('devicechange', changed);
}

/**
 * A 720p camera track at 30 pictures a second, or what comes nearest.
 * @param camera - the browser's or the user's choice when absent
 * @throws DOMException `NotAllowedError`, `NotFoundError`, `NotReadableError` as `getUserMedia` does
 */
export function captureCamera(platform: DevicePlatform, camera?: CameraChoice): Promise<MediaStreamTrack> {
  return captureOne(platform, {
    video: {
      width: { ideal: 1280 },
      height: { ideal: 720 },
      frameRate: { ideal: 30 },
      ...(typeof camera === 'string' && { deviceId: { exact: camera } }),
      ...(typeof camera === 'object' && { facingMode: { ideal: camera.facingMode } }),
    },
  });
}

/** A microphone track without echo. @throws DOMException as `getUserMedia` does */
export function captureMicrophone(platform: DevicePlatform, deviceId?: string): Promise<MediaStreamTrack> {
  return captureOne(platform, {
    audio: {
      echoCancellation: true,
      noiseSuppression: true,
      autoGainControl: true,
      ...(deviceId !== undefined && { deviceId: { exact: deviceId } }),
    },
  });
}

/**
 * The screen, a window or a tab that the user picks, with its sound where there is any.
 * @throws DOMException as `getDisplayMedia` does
 * @throws AircheckError `browser-unsupported`
 */
export async function captureScreen(
  platform: DevicePlatform,
): Promise<{ readonly video: MediaStreamTrack; readonly audio: MediaStreamTrack | undefined }> {
  const mediaDevices = mediaDevicesOf(platform);
  // Phones and tablets have none (https://github.com/mdn/browser-compat-data, `api/MediaDevices.json`).
  if (!('getDisplayMedia' in mediaDevices)) {
    throw new AircheckError('browser-unsupported', 'This browser does not share the screen');
  }
  // Its sound comes from Chromium alone; Firefox and Safari leave it out (same source).
  const stream = await mediaDevices.getDisplayMedia({
    video: { frameRate: { ideal: 15, max: 30 }, width: { max: 1920 }, height: { max: 1080 } },
    // Voices in the shared sound must not be taken for an echo of the room.
    audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  });
  const video = stream.getVideoTracks()[0];
  if (video === undefined) throw new AircheckError('track-not-found', 'No screen was chosen');
  return { video, audio: stream.getAudioTracks()[0] };
}

async function captureOne(platform: DevicePlatform, constraints: MediaStreamConstraints): Promise<MediaStreamTrack> {
  const stream = await mediaDevicesOf(platform).getUserMedia(constraints);
  const track = stream.getTracks()[0];
  if (track === undefined) throw new AircheckError('track-not-found', 'The device gave no track');
  return track;
}

function mediaDevicesOf({ mediaDevices }: DevicePlatform): MediaDevices {
  if (mediaDevices !== undefined) return mediaDevices;
  throw new AircheckError('forbidden', 'Browsers give cameras and microphones to HTTPS pages and localhost only', {
    hint: 'Serve the page over HTTPS',
  });
}
