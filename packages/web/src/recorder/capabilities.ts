import { builtInMimeType } from './capture/index.ts';
import { canPickFile } from './keeping/index.ts';
import type { Container } from './start-options.ts';
import { choosePictureCodec } from './worker/picture-codec.ts';
import { soundEncoderConfig } from './worker/sound-encoder.ts';

/** What this browser can do. */
export interface RecorderCapabilities {
  /** Pictures and sound are encoded by WebCodecs in a worker; without it MediaRecorder takes over. */
  readonly webCodecs: boolean;
  /** Files are written as they grow; without it nothing can be recorded. */
  readonly opfs: boolean;
  /** `native`: the browser encodes AAC; `wasm`: a library does, which is loaded when needed. */
  readonly aac: 'native' | 'wasm' | false;
  readonly containers: readonly Container[];
  /** `save` can ask where to. */
  readonly filePicker: boolean;
}

/** Finds out what this browser can do. */
export async function recorderCapabilities(): Promise<RecorderCapabilities> {
  const opfs = hasPrivateFiles();
  const webCodecs = hasWebCodecs();
  const containers: Container[] = [];
  if (opfs && webCodecs) {
    if ((await choosePictureCodec('mp4')) !== undefined) containers.push('mp4');
    containers.push('m4a');
    if ((await choosePictureCodec('webm')) !== undefined) containers.push('webm');
  } else if (opfs) {
    const all = ['mp4', 'm4a', 'webm'] as const;
    containers.push(...all.filter((container) => builtInMimeType(container) !== undefined));
  }
  const aac = webCodecs ? ((await encodesAac()) ? 'native' : 'wasm') : false;
  return { webCodecs, opfs, aac, containers, filePicker: canPickFile() };
}

/** Whether the browser gives this page an origin private file system and the locks that go with it: over HTTPS alone. */
export function hasPrivateFiles(): boolean {
  return typeof navigator.storage?.getDirectory === 'function' && navigator.locks !== undefined;
}

/**
 * Without it MediaRecorder encodes: Safari before 26 and Firefox before 130 have no `AudioEncoder`
 * (https://developer.mozilla.org/docs/Web/API/AudioEncoder#browser_compatibility).
 */
export function hasWebCodecs(): boolean {
  return typeof VideoEncoder === 'function' && typeof AudioEncoder === 'function';
}

/** Whether the browser itself encodes AAC. */
export async function encodesAac(): Promise<boolean> {
  if (typeof AudioEncoder !== 'function') return false;
  const config = soundEncoderConfig({ codec: 'aac', channels: 1, bitrateBps: 128_000 });
  return (await AudioEncoder.isConfigSupported(config)).supported === true;
}
