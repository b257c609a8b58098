import { spawn, spawnSync } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ParticipantMedia, ReceivedTrack, TrackListener } from '@aircheck/engine/receiving';
import type { EndReason, Participant } from '@aircheck/protocol';
import { canMount, mountSmallDisk } from '@aircheck/testkit';
import { ALL_FORMATS, BufferSource, EncodedPacketSink, Input } from 'mediabunny';
import { pino } from 'pino';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type MixedRoom, MixRecording } from '../src/mix/index.ts';
import { SoundMixer } from '../src/mix/sound-mixer.ts';
import { Voice } from '../src/mix/voice.ts';
import { stretched, VoicePlacer } from '../src/mix/voice-placer.ts';
import { UnfinishedFiles } from '../src/room/index.ts';
import { folderForTest } from './room-fixture.ts';

const RATE = 48_000;
const PACKET = 960;

describe('the mixer', () => {
  it('adds voices where they belong, leaves silence between, and drops what comes too late', () => {
    const mixer = new SoundMixer();
    const ones = new Float32Array(10).fill(0.25);
    mixer.add(5, ones, ones);
    mixer.add(10, ones, ones);
    expect([...mixer.take(8)].filter((_, index) => index % 2 === 0)).toEqual([0, 0, 0, 0, 0, 0.25, 0.25, 0.25]);
    mixer.add(4, ones, ones);
    const rest = mixer.take(25);
    expect([...rest].filter((_, index) => index % 2 === 1)).toEqual([
      ...[0.5, 0.5, 0.75, 0.75, 0.75, 0.75, 0.5],
      ...Array(5).fill(0.25),
      ...Array(5).fill(0),
    ]);
    expect(mixer.take(20)).toHaveLength(0);
    expect(mixer.position).toBe(25);
  });

  it('bends what is too loud, and leaves the rest as it is', () => {
    const mixer = new SoundMixer();
    for (const level of [0.7, 0.7, 0.7]) mixer.add(0, Float32Array.of(level, 0.1, -level), Float32Array.of(0, 0, 0));
    const [loud, , soft, , negative] = mixer.take(3);
    expect(loud).toBeGreaterThan(0.9);
    expect(loud).toBeLessThan(1);
    expect(negative).toBe(-loud!);
    expect(soft).toBeCloseTo(0.3, 5);
  });

  it('gives out all that was put in, however long it goes on', () => {
    const mixer = new SoundMixer();
    const sound = new Float32Array(PACKET).fill(0.1);
    for (let position = 0; position < RATE * 120; position += PACKET) {
      mixer.add(position + 4800, sound, sound);
      const given = mixer.take(position);
      if (position > 5 * PACKET + 4800) if (given[0] !== sound[0]) throw new Error(`${given[0]} at ${position}`);
    }
  });
});

describe('the place of a voice', () => {
  /** Feeds packets whose media clock runs at a rate of its own; answers where each was laid, and when it was sent. */
  function place(seconds: number, rate: number, delayMs: (index: number) => number) {
    const placer = new VoicePlacer(1000, RATE);
    const laid: { position: number; length: number; sentMs: number }[] = [];
    let arrivalMs = 0;
    for (let index = 0; index * 20 < seconds * 1000; index++) {
      const sentMs = (index * 20) / rate;
      const timestamp = 7_000_000 + index * PACKET;
      // A network keeps the order.
      arrivalMs = Math.max(arrivalMs, 1000 + sentMs + delayMs(index));
      if (index % 250 === 249) placer.senderReport(1.7e12 + sentMs, timestamp);
      const found = placer.place(timestamp, arrivalMs, PACKET);
      if (found === undefined) throw new Error(`left out at ${sentMs}`);
      laid.push({ ...found, sentMs });
    }
    return laid;
  }
  const noise = (index: number) => ((index * 7919) % 97) / 97;

  it('follows a clock that is fast or slow, without a jump', () => {
    for (const rate of [0.98, 1.02, 1.0001]) {
      const laid = place(90, rate, (index) => 5 + 10 * noise(index));
      const ends = laid.map(({ position, length }) => position + length);
      expect(laid.slice(1).map(({ position }) => position)).toEqual(ends.slice(0, -1));
      const { position, sentMs } = laid.at(-1)!;
      expect(Math.abs(position / 48 - sentMs - 5)).toBeLessThan(40);
    }
  });

  it('leaves the sound as it was sent where clocks agree, whatever the network does', () => {
    // Delays that vary, a stall of a second every ten, and three seconds in which all is half a second late.
    const delayMs = (index: number) =>
      5 + 60 * noise(index) + (index % 500 === 100 ? 1000 : 0) + (index >= 1200 && index < 1350 ? 500 : 0);
    const laid = place(40, 1, delayMs);
    expect(laid.slice(100).filter(({ length }) => length !== PACKET)).toEqual([]);
    expect(Math.abs(laid.at(-1)!.position / 48 - laid.at(-1)!.sentMs - 5)).toBeLessThan(15);
  });

  it('keeps holes, and begins anew when the sender does', () => {
    const placer = new VoicePlacer(0, RATE);
    const at = (timestamp: number, arrivalMs: number) => placer.place(timestamp, arrivalMs, PACKET)?.position;
    expect(at(0, 10)).toBe(480);
    expect(at(PACKET, 30)).toBe(480 + PACKET);
    expect(at(50 * PACKET, 1010)).toBe(480 + 50 * PACKET);
    expect(at(9_000_000, 1030)).toBe(480 + 51 * PACKET);
    expect(at(9_000_000 + PACKET, 1050)).toBe(480 + 52 * PACKET);
  });

  it('leaves a piece out where all was laid far too late', () => {
    const placer = new VoicePlacer(0, RATE);
    let end = 0;
    let leftOut = 0;
    for (let index = 0; index < 200; index++) {
      const found = placer.place(index * PACKET, Math.max(index * 20 + 5, 1000), PACKET);
      if (found === undefined) {
        leftOut += 1;
        continue;
      }
      expect(found.position).toBeGreaterThanOrEqual(end - 0.25 * RATE);
      end = found.position + found.length;
    }
    expect(Math.abs(end / 48 - 4005)).toBeLessThan(60);
    expect(leftOut).toBeLessThan(60);
  });

  it('makes sound longer and shorter without a break', () => {
    const sine = Float32Array.from({ length: PACKET }, (_, index) => Math.sin((2 * Math.PI * index) / 96));
    for (const length of [PACKET - 20, PACKET, PACKET + 20]) {
      const changed = stretched(sine, length);
      expect(changed).toHaveLength(length);
      expect(changed[0]).toBe(sine[0]);
      expect(changed.at(-1)).toBeCloseTo(sine.at(-1)!, 5);
      const steps = [...changed].slice(1).map((value, index) => Math.abs(value - changed[index]!));
      expect(Math.max(...steps)).toBeLessThan(0.08);
    }
  });
});

/** Opus packets of a tone. */
async function tone(hz: number, seconds: number): Promise<Uint8Array[]> {
  const source = ['-f', 'lavfi', '-i', `sine=frequency=${hz}:sample_rate=${RATE}:duration=${seconds}`];
  const args = ['-v', 'error', ...source, '-c:a', 'libopus', '-b:a', '64k', '-f', 'ogg', '-'];
  const child = spawn('ffmpeg', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const pieces: Buffer[] = [];
  for await (const piece of child.stdout) pieces.push(piece as Buffer);
  using input = new Input({ source: new BufferSource(Buffer.concat(pieces)), formats: ALL_FORMATS });
  const packets: Uint8Array[] = [];
  const track = await input.getPrimaryAudioTrack();
  for await (const packet of new EncodedPacketSink(track!).packets()) packets.push(packet.data);
  return packets;
}

/** A room that is not there: people in it say what they are told to. */
class FakeRoom extends EventEmitter<{ participants: []; closed: [EndReason, undefined]; state: [] }> {
  state = 'connected';
  readonly #people = new Map<string, { readonly tracks: ReceivedTrack[]; readonly listeners: Set<TrackListener> }>();

  get participants(): readonly Participant[] {
    return [...this.#people.keys()].map((userId) => ({ userId }) as Participant);
  }

  mediaOf(userId: string): ParticipantMedia {
    return { tracks: () => this.#people.get(userId)?.tracks ?? [], onTracksChanged: () => () => {} };
  }

  receive(): () => void {
    return () => {};
  }

  come(userId: string): void {
    const listeners = new Set<TrackListener>();
    const track = {
      trackId: userId,
      kind: 'audio',
      codec: 'opus',
      source: 'microphone',
      clockRate: RATE,
      listen: (listener: TrackListener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    };
    this.#people.set(userId, { tracks: [track as unknown as ReceivedTrack], listeners });
    this.emit('participants');
  }

  go(userId: string): void {
    this.#people.delete(userId);
    this.emit('participants');
  }

  say(userId: string, data: Uint8Array, rtpTimestamp: number, arrivalMs: number): void {
    const frame = { data, rtpTimestamp, arrivalMs, keyFrame: true, lostPacketsBefore: 0, lostFramesBefore: 0 };
    for (const listener of this.#people.get(userId)?.listeners ?? []) listener.onFrame(frame);
  }
}

describe('a voice', () => {
  it('is heard however short it was', async () => {
    const room = new FakeRoom();
    room.come('ann');
    const mixer = new SoundMixer();
    const [track] = room.mediaOf('ann').tracks();
    const voice = new Voice(track!, mixer, 0, (error) => expect.fail(String(error)));
    for (const [index, packet] of (await tone(500, 0.1)).slice(0, 5).entries()) {
      room.say('ann', packet, index * PACKET, 10 + index * 20);
    }
    voice.end();
    await expect.poll(() => voice.endPosition).toBe(480 + 5 * PACKET);
    expect(mixer.take(480 + 5 * PACKET).some((value) => Math.abs(value) > 0.05)).toBe(true);
  });
});

/** Amplitude of a tone in each 50 ms of a file. */
function levels(path: string, hz: number): number[] {
  const { stdout } = spawnSync('ffmpeg', [
    '-v',
    'error',
    '-i',
    path,
    '-map',
    '0:a',
    '-f',
    'f32le',
    '-af',
    'pan=mono|c0=c0',
    '-',
  ]);
  const samples = new Float32Array(stdout.buffer, stdout.byteOffset, Math.floor(stdout.byteLength / 4));
  const window = RATE / 20;
  return Array.from({ length: Math.floor(samples.length / window) }, (_, n) => {
    let [cosine, sine] = [0, 0];
    for (let index = 0; index < window; index++) {
      const angle = (2 * Math.PI * hz * index) / RATE;
      cosine += samples[n * window + index]! * Math.cos(angle);
      sine += samples[n * window + index]! * Math.sin(angle);
    }
    return (2 * Math.hypot(cosine, sine)) / window;
  });
}

describe('the recording of everybody', () => {
  it('holds every voice where it was heard: who was there, who came later, who fell silent, who left', async () => {
    const folder = folderForTest();
    const room = new FakeRoom();
    room.come('ann');
    const path = join(folder, 'mix.m4a');
    const spoken = { ann: await tone(500, 3), ben: await tone(1500, 3), cat: await tone(2500, 3) };
    const unfinished = new UnfinishedFiles(join(folder, 'notes'), pino({ level: 'silent' }));
    const now = () => performance.now();
    const zeroMs = now();
    const starting = MixRecording.start({
      id: '1',
      path,
      room: room as unknown as MixedRoom,
      unfinished,
      logger: pino({ level: 'silent' }),
      now,
      wallClock: Date.now,
    });
    let recording: MixRecording | undefined;
    void starting.then((started) => {
      recording = started;
    });
    // Ben comes after a second; Cat is silent from 1.5 s to 2 s, and leaves at 2.5 s.
    const actions = [
      { atMs: 0, act: () => room.come('cat') },
      { atMs: 1000, act: () => room.come('ben') },
      { atMs: 2500, act: () => room.go('cat') },
    ];
    for (let sent = 0; sent < 150; sent++) {
      const atMs = sent * 20;
      while (actions[0] !== undefined && actions[0].atMs <= atMs) actions.shift()!.act();
      await expect.poll(() => now() - zeroMs, { interval: 5 }).toBeGreaterThan(atMs);
      for (const [name, packets] of Object.entries(spoken)) {
        if (name === 'ben' && atMs < 1000) continue;
        if (name === 'cat' && atMs >= 1500 && atMs < 2000) continue;
        room.say(name, packets[sent]!, 90_000 + sent * PACKET, zeroMs + atMs + 5);
      }
    }
    await starting;
    expect(recording!.progress().sizeBytes).toBeGreaterThan(0);
    const file = await recording!.stop();
    expect(file).toMatchObject({ reason: 'stopped', path });
    expect(file.durationMs).toBeGreaterThan(2900);
    expect(await unfinished.finishAll()).toEqual([]);

    const expected: Record<number, (ms: number) => boolean> = {
      500: () => true,
      1500: (ms) => ms >= 1000,
      2500: (ms) => ms < 2500 && (ms < 1500 || ms >= 2000),
    };
    for (const [hz, isHeard] of Object.entries(expected)) {
      const heard = levels(path, Number(hz)).slice(1, 58);
      const wrong = heard.flatMap((level, index) => {
        const atMs = (index + 1) * 50;
        // What lies across a change counts for neither.
        const edge = [0, 1000, 1500, 2000, 2500].some((change) => atMs >= change - 60 && atMs <= change + 60);
        return edge || level > 0.06 === isHeard(atMs) ? [] : [`${hz} Hz at ${atMs} ms: ${level.toFixed(3)}`];
      });
      expect(wrong).toEqual([]);
    }
  });

  it.runIf(canMount())('ends with what it has when the disk is full', async () => {
    const disk = folderForTest();
    onTestFinished(mountSmallDisk(disk, 2 ** 18));
    // Room for some seconds alone.
    writeFileSync(join(disk, 'filler'), Buffer.alloc(2 ** 18 - 24 * 1024));
    const notes = folderForTest();
    const room = new FakeRoom();
    room.come('ann');
    const packets = await tone(700, 1);
    const path = join(disk, 'mix.m4a');
    const unfinished = new UnfinishedFiles(join(notes, 'notes'), pino({ level: 'silent' }));
    const zeroMs = performance.now();
    let sent = 0;
    const speaking = setInterval(() => {
      while (sent * 20 < performance.now() - zeroMs) {
        room.say('ann', packets[sent % packets.length]!, sent * PACKET, zeroMs + sent * 20);
        sent++;
      }
    }, 20);
    onTestFinished(() => clearInterval(speaking));
    const recording = await MixRecording.start({
      id: '1',
      path,
      room: room as unknown as MixedRoom,
      unfinished,
      logger: pino({ level: 'silent' }),
      now: () => performance.now(),
      wallClock: Date.now,
    });
    const file = await recording.ended;
    expect(file).toMatchObject({ reason: 'storage-full', detail: expect.stringContaining('no space') });
    expect(file.durationMs).toBeGreaterThan(400);
    expect(levels(path, 700).length * 50).toBeGreaterThan(file.durationMs - 100);
    expect(await unfinished.finishAll()).toEqual([]);
  });

  it('catches up with a computer that slept for a little, and ends on one that slept for long', async () => {
    const folder = folderForTest();
    const room = new FakeRoom();
    room.come('ann');
    let sleptMs = 0;
    const now = () => performance.now() + sleptMs;
    const recording = await MixRecording.start({
      id: '1',
      path: join(folder, 'mix.m4a'),
      room: room as unknown as MixedRoom,
      unfinished: new UnfinishedFiles(join(folder, 'notes'), pino({ level: 'silent' })),
      logger: pino({ level: 'silent' }),
      now,
      wallClock: Date.now,
    });
    sleptMs += 12_000;
    await expect.poll(() => recording.progress().durationMs).toBeGreaterThan(12_000);
    sleptMs += 8 * 3_600_000;
    const [packet] = await tone(700, 0.1);
    for (let index = 0; index < 20; index++) room.say('ann', packet!, index * PACKET, now() + index * 20);
    const file = await recording.ended;
    expect(file).toMatchObject({ reason: 'idle', detail: 'the computer slept' });
    expect(file.durationMs).toBeLessThan(30_000);
  });

  it('is told to be over, and leaves no file, when the call ends before it has begun', async () => {
    for (const endsEarly of [true, false]) {
      const folder = folderForTest();
      const room = new FakeRoom();
      const path = join(folder, 'mix.m4a');
      if (endsEarly) room.state = 'closed';
      const starting = MixRecording.start({
        id: '1',
        path,
        room: room as unknown as MixedRoom,
        unfinished: new UnfinishedFiles(join(folder, 'notes'), pino({ level: 'silent' })),
        logger: pino({ level: 'silent' }),
        now: () => performance.now(),
        wallClock: Date.now,
      });
      const refused = expect(starting).rejects.toMatchObject({ code: 'session-not-found' });
      if (!endsEarly) {
        await expect.poll(() => room.listenerCount('closed'), { interval: 5 }).toBe(1);
        room.emit('closed', 'room-closed', undefined);
      }
      await refused;
      expect(existsSync(path)).toBe(false);
      expect(room.listenerCount('closed')).toBe(0);
    }
  });

  it('refuses to write over a file', async () => {
    const folder = folderForTest();
    const options = {
      id: '1',
      path: folder,
      room: new FakeRoom() as unknown as MixedRoom,
      unfinished: new UnfinishedFiles(join(folder, 'notes'), pino({ level: 'silent' })),
      logger: pino({ level: 'silent' }),
      now: () => performance.now(),
      wallClock: Date.now,
    };
    await expect(MixRecording.start(options)).rejects.toMatchObject({ code: 'file-exists' });
  });
});
