import type { RemoteTrack, Room } from '../core/index.ts';

const maxVolume = 255;

/** Plays what the others say, while `DEVICE_TYPE_AUDIO_OUT_CHAT` is started. */
export class RemoteSound {
  readonly #elements = new Map<RemoteTrack, HTMLAudioElement>();
  readonly #volumes = new Map<string | undefined, number>();
  readonly #silenced = new Set<string>();
  #room: Room | undefined;
  #playing = false;
  #deviceId: string | undefined;

  start(deviceId: string | undefined): void {
    this.#playing = true;
    this.#deviceId = deviceId;
    this.#update();
  }

  stop(): void {
    this.#playing = false;
    this.#update();
  }

  /**
   * @param volume - 0 to 255
   * @param account - all when absent
   */
  setVolume(volume: number, account?: string): void {
    if (account === undefined) this.#volumes.clear();
    this.#volumes.set(account, Math.min(maxVolume, Math.max(0, volume)));
    this.#update();
  }

  silence(silent: boolean, accounts: readonly string[]): void {
    for (const account of accounts) {
      if (silent) this.#silenced.add(account);
      else this.#silenced.delete(account);
    }
    this.#update();
  }

  joined(room: Room): void {
    this.#room = room;
    room.on('track-added', () => this.#update());
    room.on('track-removed', () => this.#update());
  }

  left(): void {
    this.#room = undefined;
    this.#silenced.clear();
    this.#update();
  }

  #update(): void {
    const tracks = this.#playing ? (this.#room?.remoteTracks.filter(({ kind }) => kind === 'audio') ?? []) : [];
    for (const [track, element] of [...this.#elements]) {
      if (tracks.includes(track)) continue;
      element.srcObject = null;
      this.#elements.delete(track);
    }
    for (const track of tracks) {
      const element = this.#elements.get(track) ?? this.#play(track);
      const volume = this.#volumes.get(track.userId) ?? this.#volumes.get(undefined) ?? maxVolume;
      element.volume = volume / maxVolume;
      element.muted = this.#silenced.has(track.userId);
    }
  }

  #play(track: RemoteTrack): HTMLAudioElement {
    const element = new Audio();
    element.autoplay = true;
    track.attach(element);
    // Where `setSinkId` is absent (`Speaker` of the core names the browsers and the source) the system's loudspeaker plays.
    if (this.#deviceId !== undefined && 'setSinkId' in element) void element.setSinkId(this.#deviceId).catch(() => {});
    this.#elements.set(track, element);
    return element;
  }
}
