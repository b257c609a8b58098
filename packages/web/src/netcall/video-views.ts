import type { RemoteTrack, Room } from '../core/index.ts';
import { NetcallError } from './netcall-error.ts';

/** Size of a picture on the page. */
export interface ViewSize {
  readonly width: number;
  readonly height: number;
  /** Fill the size and cut what is beyond it; true when absent. */
  readonly cut?: boolean;
}

export interface VideoViewsOptions {
  readonly container: HTMLElement | undefined;
  readonly remoteContainer: HTMLElement | undefined;
  readonly mirror: boolean;
  readonly mirrorRemote: boolean;
}

/** One picture on the page: wanted by the page, and shown as long as there is a track for it. */
class View {
  readonly element: HTMLVideoElement;

  constructor(node: HTMLElement, mirrored: boolean) {
    this.element = node.ownerDocument.createElement('video');
    this.element.autoplay = true;
    // Sound is `startDevice(DEVICE_TYPE_AUDIO_OUT_CHAT)`'s matter; phones play pictures with sound on a touch only.
    this.element.muted = true;
    this.element.playsInline = true;
    if (mirrored) this.element.style.transform = 'scaleX(-1)';
    node.append(this.element);
  }

  show(track: MediaStreamTrack | undefined): void {
    const { srcObject } = this.element;
    const shown = srcObject instanceof MediaStream ? srcObject.getTracks()[0] : undefined;
    if (shown !== track) this.element.srcObject = track === undefined ? null : new MediaStream([track]);
  }

  resize({ width, height, cut = true }: ViewSize): void {
    Object.assign(this.element.style, {
      width: `${width}px`,
      height: `${height}px`,
      objectFit: cut ? 'cover' : 'contain',
    });
  }
}

/** The pictures that `startLocalStream` and `startRemoteStream` put on the page. */
export class VideoViews {
  readonly #options: VideoViewsOptions;
  readonly #remote = new Map<string, View>();
  readonly #remoteSizes = new Map<string | undefined, ViewSize>();
  readonly #hidden = new Set<string>();
  #local: View | undefined;
  #localSize: ViewSize | undefined;
  #room: Room | undefined;
  #localTrack: MediaStreamTrack | undefined;

  constructor(options: VideoViewsOptions) {
    this.#options = options;
  }

  /** @param node - where to; `container` of `getInstance` when absent */
  startLocal(node = this.#options.container): void {
    if (node === undefined) throw new NetcallError(400, 'There is no node to show the picture in', { input: 'node' });
    this.stopLocal();
    this.#local = new View(node, this.#options.mirror);
    if (this.#localSize !== undefined) this.#local.resize(this.#localSize);
    this.#local.show(this.#localTrack);
  }

  stopLocal(): void {
    this.#local?.element.remove();
    this.#local = undefined;
  }

  /** One's own camera or screen began, changed or ended. */
  localPicture(track: MediaStreamTrack | undefined): void {
    this.#localTrack = track;
    this.#local?.show(track);
  }

  /** Shows a participant now, or as soon as its picture comes. */
  startRemote(account: string, node = this.#options.remoteContainer): void {
    if (node === undefined) throw new NetcallError(400, 'There is no node to show the picture in', { input: 'node' });
    // Pages call this for each track of a participant.
    if (this.#remote.get(account)?.element.parentElement === node) return;
    this.stopRemote(account);
    const view = new View(node, this.#options.mirrorRemote);
    this.#remote.set(account, view);
    const size = this.#remoteSizes.get(account) ?? this.#remoteSizes.get(undefined);
    if (size !== undefined) view.resize(size);
    this.#update(account);
  }

  /** @param account - all when absent */
  stopRemote(account?: string): void {
    for (const one of account === undefined ? [...this.#remote.keys()] : [account]) {
      this.#remote.get(one)?.element.remove();
      this.#remote.delete(one);
    }
  }

  resizeLocal(size: ViewSize): void {
    this.#localSize = size;
    this.#local?.resize(size);
  }

  /** @param account - all when absent */
  resizeRemote(size: ViewSize, account?: string): void {
    this.#remoteSizes.set(account, size);
    for (const [one, view] of this.#remote) if (account === undefined || one === account) view.resize(size);
  }

  pauseLocal(paused: boolean): void {
    if (paused) this.#local?.element.pause();
    else void this.#local?.element.play();
  }

  pauseRemote(paused: boolean, account?: string): void {
    for (const [one, { element }] of this.#remote) {
      if (account !== undefined && one !== account) continue;
      if (paused) element.pause();
      else void element.play();
    }
  }

  /** Shows a participant's picture no more, or again, without taking the view away. */
  hideRemote(hidden: boolean, accounts: readonly string[]): void {
    for (const account of accounts) {
      if (hidden) this.#hidden.add(account);
      else this.#hidden.delete(account);
      this.#update(account);
    }
  }

  /** A channel was joined. */
  joined(room: Room): void {
    this.#room = room;
    const changed = ({ userId, kind }: RemoteTrack) => {
      if (kind === 'video') this.#update(userId);
    };
    room.on('track-added', changed);
    room.on('track-removed', changed);
  }

  left(): void {
    this.#room = undefined;
    this.#hidden.clear();
    this.stopLocal();
    this.stopRemote();
  }

  #update(account: string): void {
    const pictures =
      this.#room?.remoteTracks.filter(({ userId, kind }) => userId === account && kind === 'video') ?? [];
    // A shared screen is what its owner wants to be looked at.
    const picture = pictures.find(({ source }) => source === 'screen') ?? pictures[0];
    this.#remote.get(account)?.show(this.#hidden.has(account) ? undefined : picture?.mediaStreamTrack);
  }
}
