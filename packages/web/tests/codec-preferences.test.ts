import { expect, test } from 'vitest';
import { preferredCodecs } from '../src/core/codec-preferences.ts';

test('H.264 42e01f in mode 1 leads, retransmission stays, and what the server does not take is left out', () => {
  const chromium = [
    { mimeType: 'video/VP8' },
    { mimeType: 'video/rtx' },
    { mimeType: 'video/H264', sdpFmtpLine: 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f' },
    { mimeType: 'video/H264', sdpFmtpLine: 'level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f' },
    { mimeType: 'video/H264', sdpFmtpLine: 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f' },
    { mimeType: 'video/AV1', sdpFmtpLine: 'level-idx=5;profile=0;tier=0' },
    { mimeType: 'video/AV1', sdpFmtpLine: 'level-idx=5;profile=1;tier=0' },
    { mimeType: 'video/VP9', sdpFmtpLine: 'profile-id=0' },
    { mimeType: 'video/VP9', sdpFmtpLine: 'profile-id=2' },
    { mimeType: 'video/H265', sdpFmtpLine: 'profile-id=1' },
    { mimeType: 'video/red' },
    { mimeType: 'video/ulpfec' },
  ];
  expect(preferredCodecs(chromium).map(({ mimeType, sdpFmtpLine }) => `${mimeType} ${sdpFmtpLine ?? ''}`)).toEqual([
    'video/H264 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f',
    'video/H264 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f',
    'video/VP9 profile-id=0',
    'video/AV1 level-idx=5;profile=0;tier=0',
    'video/VP8 ',
    'video/rtx ',
  ]);
});
