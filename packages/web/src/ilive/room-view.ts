import type { LocalTrack, RemoteTrack, Room } from '../core/index.ts';

/**
 * Plays a room: the sound of everybody, and their pictures inside an element that the page gave, one `<video>` each with
 * `data-user-id` and `data-source`. How they are laid out is the page's matter. Where there is no document (React
 * Native), it does nothing: the tracks are there to be shown by other means.
 */
export class RoomView {
  readonly #elements = new Map<RemoteTrack | LocalTrack, HTMLMediaElement>();
  readonly #unlisten: readonly (() => void)[];
  readonly #room: Room;
  /** Whether one's own picture is shown like a mirror. */
  readonly #mirrored: () => boolean;
  #container: HTMLElement | undefined;
  #speaker: boolean;

  constructor(
    room: Room,
    options: {
      readonly container: HTMLElement | undefined;
      readonly speaker: boolean;
      readonly mirrored: () => boolean;
    },
  ) {
    this.#room = room;
    this.#container = options.container;
    this.#speaker = options.speaker;
    this.#mirrored = options.mirrored;
    this.#unlisten = [
      room.on('track-added', (track) => this.#show(track, track.userId)),
      room.on('track-removed', (track) => this.#hide(track)),
      room.on('local-track-added', (track) => this.#showOwn(track)),
      room.on('local-track-updated', (track) => this.#showOwn(track)),
      room.on('local-track-removed', (track) => this.#hide(track)),
    ];
    for (const track of room.remoteTracks) this.#show(track, track.userId);
  }

  /** Whether the others are heard. */
  get speaker(): boolean {
    return this.#speaker;
  }

  set speaker(on: boolean) {
    this.#speaker = on;
    for (const [track, element] of this.#elements) if (track.kind === 'audio') element.muted = !on;
  }

  /** Shows all pictures inside an element from now on; none without one. */
  set container(container: HTMLElement | undefined) {
    this.#container = container;
    for (const track of [...this.#elements.keys()]) if (track.kind === 'video') this.#hide(track);
    for (const track of this.#room.remoteTracks) if (track.kind === 'video') this.#show(track, track.userId);
    for (const track of this.#room.localTracks) this.#showOwn(track);
  }

  close(): void {
    for (const end of this.#unlisten) end();
    for (const track of [...this.#elements.keys()]) this.#hide(track);
  }

  #showOwn(track: LocalTrack): void {
    this.#hide(track);
    // One's own sound would come back as an echo.
    if (track.kind === 'video') this.#show(track, this.#room.self.userId);
  }

  #show(track: RemoteTrack | LocalTrack, userId: string): void {
    if (globalThis.document === undefined || (track.kind === 'video' && this.#container === undefined)) return;
    const element = document.createElement(track.kind);
    this.#elements.set(track, element);
    element.autoplay = true;
    // Sound has an element of its own; and browsers start silent pictures without a click.
    element.muted = track.kind === 'video' || !this.#speaker;
    element.dataset.userId = userId;
    element.dataset.source = track.source;
    if (element instanceof HTMLVideoElement) {
      element.playsInline = true;
      const own = userId === this.#room.self.userId;
      if (own && track.source === 'camera' && this.#mirrored()) element.style.transform = 'scaleX(-1)';
      this.#container?.append(element);
    }
    track.attach(element);
  }

  #hide(track: RemoteTrack | LocalTrack): void {
    const element = this.#elements.get(track);
    if (element === undefined) return;
    this.#elements.delete(track);
    element.srcObject = null;
    element.remove();
  }
}
