import { answerSetup, buildReceiveAnswer, parseDescription } from '@aircheck/engine/receiving';
import { AircheckError } from '@aircheck/protocol';
import fc from 'fast-check';
import { parse } from 'sdp-transform';
import { describe, expect, it } from 'vitest';
import { planPublishing } from '../../src/sfu/participant.ts';
import type { OfferedSource } from '../../src/worker/contract.ts';
import { FakeTransport } from './fake-engine.ts';
import { fixture } from './fixtures/index.ts';

function answer(sdp: string, tracks?: readonly OfferedSource[]): string {
  const offer = parseDescription(sdp);
  const plan = planPublishing(offer, tracks);
  return buildReceiveAnswer({
    origin: { sessionId: '1', version: 1 },
    offer,
    codecs: new Map(plan.map(({ mid, codec }) => [mid, codec])),
    local: new FakeTransport({ onRtp: () => {}, onRtcp: () => {}, onState: () => {} }).local,
    setup: answerSetup(offer.transport.setup),
  });
}

function refusal(act: () => unknown): AircheckError {
  try {
    act();
  } catch (error) {
    if (error instanceof AircheckError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

/** The m-line with this mid, in lines. */
function section(sdp: string, mid: string): string[] {
  const found = sdp
    .split(/^(?=m=)/m)
    .slice(1)
    .find((text) => text.includes(`a=mid:${mid}\r\n`));
  return found?.split('\r\n') ?? [];
}

describe('the answer to a publisher', () => {
  it('takes baseline H.264 with packetization mode 1, its RTX, and Opus from Chromium', () => {
    const lines = answer(fixture('chromium-publish'));
    const video = section(lines, '1');
    const h264 = /a=rtpmap:(\d+) H264\/90000/.exec(lines)?.[1];
    expect(fixture('chromium-publish')).toMatch(
      new RegExp(`a=fmtp:${h264} .*packetization-mode=1;profile-level-id=42`),
    );
    const rtx = video.find((line) => line.endsWith(`apt=${h264}`))?.match(/a=fmtp:(\d+)/)?.[1];
    expect(video[0]).toBe(`m=video 9 UDP/TLS/RTP/SAVPF ${h264} ${rtx}`);
    expect(video).toContain('a=recvonly');
    for (const feedback of ['nack', 'nack pli', 'ccm fir', 'transport-cc']) {
      expect(video).toContain(`a=rtcp-fb:${h264} ${feedback}`);
    }
    expect(section(lines, '0')).toContain('a=rtpmap:111 opus/48000/2');
    expect(section(lines, '0')).toContain('a=fmtp:111 minptime=10;useinbandfec=1');
  });

  it('keeps the ids of mid, transport-cc and abs-send-time, and no other header extension', () => {
    const extensions = section(answer(fixture('chromium-publish')), '1').filter((line) => line.startsWith('a=extmap:'));
    expect(extensions.sort()).toEqual([
      'a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time',
      'a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
      'a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid',
    ]);
  });

  it('is ICE-lite and passive, with all candidates on the first m-line of the bundle', () => {
    const sdp = answer(fixture('chromium-publish'));
    expect(parse(sdp).icelite).toBe('ice-lite');
    expect(sdp).toContain('a=group:BUNDLE 0 1\r\n');
    expect(section(sdp, '0')).toEqual(
      expect.arrayContaining([
        'a=setup:passive',
        'a=candidate:1 1 udp 2130706431 127.0.0.1 5000 typ host',
        'a=end-of-candidates',
      ]),
    );
    expect(section(sdp, '1').some((line) => line.startsWith('a=candidate'))).toBe(false);
  });

  it('is active when the offer is passive', () => {
    const sdp = answer(fixture('chromium-publish').replaceAll('a=setup:actpass', 'a=setup:passive'));
    expect(section(sdp, '0')).toContain('a=setup:active');
  });

  it('rejects a data channel with port 0 and leaves it out of the bundle', () => {
    const sdp = answer(fixture('chromium-publish'));
    expect(section(sdp, '2')[0]).toBe('m=application 0 UDP/DTLS/SCTP webrtc-datachannel');
  });

  it('takes one layer of a simulcast offer', () => {
    const sdp = answer(fixture('chromium-simulcast'));
    expect(sdp).not.toContain('a=simulcast');
    expect(sdp).not.toContain('a=rid');
    expect(section(sdp, '0')).toContain('a=recvonly');
  });

  it('takes what libdatachannel offers: stereo as it wants it, no feedback it does not know', () => {
    const sdp = answer(fixture('libdatachannel-publish'));
    expect(section(sdp, '0')).toContain('a=fmtp:111 minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1');
    const feedback = section(sdp, '1').filter((line) => line.startsWith('a=rtcp-fb'));
    expect(feedback).toEqual(['a=rtcp-fb:96 nack', 'a=rtcp-fb:96 nack pli']);
    expect(section(sdp, '1')).toContain('a=fmtp:97 apt=96');
    expect(sdp).not.toContain('a=rtcp-rsize');
  });

  it('takes a bundle-only m-line of GStreamer, whose encoding names are in capitals', () => {
    const sdp = answer(fixture('gstreamer-publish'));
    expect(section(sdp, 'audio1')).toEqual(expect.arrayContaining(['a=rtpmap:98 opus/48000/2', 'a=recvonly']));
    expect(section(sdp, 'video0')).toContain('a=fmtp:96 packetization-mode=1;profile-level-id=42c01f');
  });

  it('prefers VP9 to AV1 and VP8 where there is no H.264 with packetization mode 1', () => {
    const sdp = answer(fixture('chromium-publish').replaceAll('packetization-mode=1', 'packetization-mode=0'));
    expect(sdp).toMatch(/a=rtpmap:\d+ VP9\/90000/);
    expect(sdp).toMatch(/a=fmtp:\d+ profile-id=0/);
  });

  it('leaves an m-line that is not listed as a track inactive', () => {
    const sdp = answer(fixture('chromium-publish'), [{ mid: '1', source: 'screen', muted: false }]);
    expect(section(sdp, '0')).toContain('a=inactive');
    expect(section(sdp, '1')).toContain('a=recvonly');
  });

  it('takes sound alone, and picture alone', () => {
    const [session, audio, video] = fixture('chromium-publish').split(/^(?=m=)/m) as [string, string, string];
    const bundle = (mid: string): string => session.replace('BUNDLE 0 1 2', `BUNDLE ${mid}`);
    expect(section(answer(bundle('0') + audio), '0')).toContain('a=recvonly');
    expect(section(answer(bundle('1') + video), '1')).toContain('a=recvonly');
  });
});

describe('an offer that is refused', () => {
  const good = fixture('chromium-publish');
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['is not SDP', '<html>', /v=0/],
    ['has no m-line', good.slice(0, good.indexOf('m=')), /no m-line/],
    ['lacks rtcp-mux', good.replace('a=rtcp-mux\r\n', ''), /rtcp-mux/],
    ['does not bundle', good.replace('a=group:BUNDLE 0 1 2', 'a=group:LS 0 1 2'), /BUNDLE/],
    ['lacks a fingerprint', good.replaceAll(/a=fingerprint.*\r\n/g, ''), /fingerprint/],
    ['has a fingerprint of SHA-1', good.replaceAll('fingerprint:sha-256', 'fingerprint:sha-1'), /fingerprint/],
    ['lacks ICE credentials', good.replaceAll(/a=ice-ufrag.*\r\n/g, ''), /ice-ufrag/],
    ['lacks a setup', good.replaceAll(/a=setup.*\r\n/g, ''), /setup/],
    ['is ICE-lite itself', good.replace('t=0 0', 't=0 0\r\na=ice-lite'), /ice-lite/],
    ['has the same mid twice', good.replace('a=mid:1', 'a=mid:0'), /mid/],
    ['only receives', good.replaceAll('a=sendonly', 'a=recvonly'), /neither audio nor video/],
  ];
  for (const [what, sdp, detail] of cases) {
    it(`${what} is sdp-invalid and says so`, () => {
      const error = refusal(() => answer(sdp));
      expect(error.code).toBe('sdp-invalid');
      expect(error.message).toMatch(detail);
    });
  }

  it('offers no codec that we take is answered with those that we do', () => {
    const error = refusal(() => answer(good.replaceAll(/(H264|VP8|VP9|AV1)\/90000/g, 'H261/90000')));
    expect(error.code).toBe('codec-unsupported');
    for (const name of ['H264 (packetization-mode=1)', 'VP8', 'VP9', 'AV1', 'opus']) expect(error.hint).toContain(name);
  });

  it('lists a track on an m-line that is not there, or of the wrong kind, is request-invalid', () => {
    expect(refusal(() => answer(good, [{ mid: '9', source: 'camera', muted: false }])).code).toBe('request-invalid');
    expect(refusal(() => answer(good, [{ mid: '0', source: 'camera', muted: false }])).code).toBe('request-invalid');
  });
});

describe('any text', () => {
  const lines = [fixture('chromium-publish'), fixture('libdatachannel-publish'), fixture('gstreamer-publish')].flatMap(
    (sdp) => sdp.split('\r\n'),
  );

  it('made of mutated lines of real offers is answered or refused, and never throws anything else', () => {
    const line = fc.oneof(
      { weight: 8, arbitrary: fc.constantFrom(...lines) },
      { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
      {
        weight: 2,
        arbitrary: fc
          .tuple(fc.constantFrom(...lines), fc.nat(), fc.string({ maxLength: 4 }))
          .map(([text, at, piece]) => {
            const index = text.length === 0 ? 0 : at % text.length;
            return text.slice(0, index) + piece + text.slice(index + 1);
          }),
      },
    );
    let answered = 0;
    fc.assert(
      fc.property(fc.array(line, { maxLength: 60 }), fc.nat({ max: 2 }), (mutated, kept) => {
        // Half of the runs keep a sound beginning, so that they get past the first checks.
        const head = kept === 0 ? [] : lines.slice(0, lines.indexOf('a=ssrc:1993701294 cname:Is9La6KH6Tx1uXFU'));
        try {
          answer([...(kept === 2 ? head.with(4, 'a=group:BUNDLE 0 1') : head), ...mutated].join('\r\n'));
          answered += 1;
        } catch (error) {
          if (!(error instanceof AircheckError)) throw error;
        }
      }),
      { numRuns: 1000 },
    );
    expect(answered).toBeGreaterThan(0);
  });

  it('of the greatest length is read in a moment', () => {
    const flood = `${fixture('chromium-publish')}${'a=rtpmap:96 VP8/90000\r\n'.repeat(8000)}`;
    const long = `${fixture('chromium-publish')}a=imageattr:1 send ${'[x '.repeat(1300)}\r\n`;
    const startMs = performance.now();
    for (const sdp of [flood, long]) {
      try {
        answer(sdp);
      } catch (error) {
        if (!(error instanceof AircheckError)) throw error;
      }
    }
    expect(performance.now() - startMs).toBeLessThan(2000);
  });
});
