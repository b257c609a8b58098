import type { Recording } from '@aircheck/protocol';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Platform, Room } from '../../src/core/index.ts';
import { TypedEmitter } from '../../src/core/typed-emitter.ts';
import { becomeHermes } from '../hermes.ts';

/** Loaded without what Hermes lacks, and then used. */
async function load() {
  vi.resetModules();
  const [sdk, { RecordControl }, { readCredential }, { toVendorError }] = await Promise.all([
    import('../../src/ilive/index.ts'),
    import('../../src/ilive/record-control.ts'),
    import('../../src/ilive/credential.ts'),
    import('../../src/ilive/error-mapping.ts'),
  ]);
  return { ...sdk, RecordControl, readCredential, toVendorError };
}

describe('ILiveSDK in React Native', () => {
  let ilive: Awaited<ReturnType<typeof load>>;
  let putBack: () => void;
  beforeAll(async () => {
    putBack = becomeHermes();
    ilive = await load();
  });
  afterAll(() => putBack());

  it('takes the address of a server, and refuses what is none', () => {
    const sdk = ilive.ILiveSDK.getInstance();
    const platform = {} as Platform;
    for (const serverUrl of ['rec', 'https://']) {
      expect(() => sdk.initSdk({ serverUrl, platform })).toThrow(expect.objectContaining({ errCode: 8021 }));
    }
    sdk.initSdk({ serverUrl: 'https://rec.example.org', platform });
  });

  it('reads a token, and knows a refused camera', async () => {
    const payload = Buffer.from(JSON.stringify({ sub: '安娜' })).toString('base64url');
    await expect(ilive.readCredential(`e.${payload}.s`)).resolves.toEqual({ userId: '安娜' });
    expect(ilive.toVendorError({ name: 'SecurityError', message: 'Permission denied.' }, 'media')).toEqual({
      name: 'ERR_USER_CANCEL',
    });
    expect(ilive.toVendorError(new Error('x'), 'media')).toEqual({ name: 'ERR_SDK_FAILED' });
  });

  it('waits for the first frame of a recording', async () => {
    const recording = { recordingId: '1', userId: 'anna', source: 'camera', state: 'starting' } as Recording;
    const recordings = [recording];
    const room = Object.assign(new TypedEmitter<{ recording: [Recording]; closed: [] }>(), {
      roomId: '7',
      self: { userId: 'anna' },
      recordings,
      api: { startRecording: async () => recording },
    });
    const control = new ilive.RecordControl(ilive.ILiveSDK.getInstance(), room as unknown as Room);
    let begun = false;
    const started = control.start(new ilive.ILiveRecordOption().fileName('lesson')).then(() => {
      begun = true;
    });
    await new Promise(setImmediate);
    expect(begun).toBe(false);
    recordings[0] = { ...recording, state: 'recording' };
    (room as unknown as { emit(name: string, recording: Recording): void }).emit('recording', recordings[0]);
    await started;
  });
});
