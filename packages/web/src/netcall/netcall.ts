import type { Room } from '../core/index.ts';
import type { UploadOptions } from '../recorder/index.ts';
import {
  type AgentRecordingClosed,
  type AgentRecordingStarted,
  AgentRecordings,
  type AgentRecordingsOptions,
} from './agent-recordings.ts';
import { netcallConstants } from './constants.ts';
import { checkMediaMixConfig, type MediaMixConfig } from './media-mix-config.ts';
import type {
  MediaFormat,
  MediaRecordingInfo,
  MediaRecordingWish,
  MediaType,
  StartMediaRecordingOptions,
} from './media-recording.ts';
import { MediaRecordings } from './media-recordings.ts';
import { vendorErrors } from './netcall-channel.ts';
import { NetcallError } from './netcall-error.ts';
import { accountOf, type MediaOptions, NetcallMedia, type Target } from './netcall-media.ts';

export interface NetcallOptions extends MediaOptions {
  /** How recordings in the browser are written where a call does not say it; MP4 (and M4A for sound) when absent. */
  recordFormat?: MediaFormat;
  /** `stopRecordMp4` and `stopRecordAac` give the file to the user at once, as the vendor's do; true when absent. */
  saveOnStop?: boolean;
  /** Recordings in the browser go into the library, too, while they grow; `recordUploaded` tells when one is there. */
  uploadRecordings?: boolean | UploadOptions;
  /** Asks the user for the code that the PC agent shows; `window.prompt` when absent. */
  getPairingCode?: AgentRecordingsOptions['getPairingCode'];
  /** Ports that the PC agent may listen on; its own when absent. */
  agentPorts?: readonly number[];
  /** The vendor's; there is nothing to kick and nothing to print here. */
  kickLast?: boolean;
  debug?: boolean;
}

export interface StartRecordMp4Options extends Target {
  /** Where the PC agent writes the file. Without it, the browser records. */
  readonly path?: string;
  readonly format?: MediaFormat;
  readonly fileName?: string;
  readonly upload?: boolean | UploadOptions;
}
export type StartRecordAacOptions = Omit<StartRecordMp4Options, keyof Target>;

/** What the browser recorded, with what was done with it. */
export interface StoppedRecording extends MediaRecordingInfo {
  /** The user has every file; false when a save dialog was closed, saving failed (`error` tells), or `saveOnStop` is off. */
  readonly saved: boolean;
  /** All that this call ended; more than one when it named nobody. */
  readonly recordings: readonly MediaRecordingInfo[];
}

/** The constants are properties of the class, as the vendor's are: `Netcall.NETCALL_TYPE_VIDEO`. */
const NetcallWithConstants = Object.assign(NetcallMedia, netcallConstants);

/**
 * The calls of Yunxin's web SDK (`NIM_Web_Netcall`, with its PC agent, and `NIM_Web_WebRTC`, in the browser) over rooms of
 * Aircheck. Everything returns promises; they reject with {@link NetcallError}.
 */
export class Netcall extends NetcallWithConstants {
  static #instance: Netcall | undefined;
  readonly #options: NetcallOptions;
  readonly #agent: AgentRecordings;
  readonly #media: MediaRecordings;
  #mixConfig: MediaMixConfig = {};

  /**
   * The one client of a page: made at the first call, with options, and given back by later ones.
   * @throws NetcallError 400 when it has not been made, or `nim` tells neither who the user is nor how to get a token
   */
  static getInstance(options?: NetcallOptions): Netcall {
    if (Netcall.#instance !== undefined) return Netcall.#instance;
    if (options === undefined) throw new NetcallError(400, 'Call getInstance with options first', { input: 'options' });
    Netcall.#instance = new Netcall(options);
    return Netcall.#instance;
  }

  constructor(options: NetcallOptions) {
    super(options);
    this.#options = options;
    this.#media = new MediaRecordings({
      now: Date.now,
      onError: (error) => this.emit('error', error),
      onUploaded: (info) => this.emit('recordUploaded', info),
      onStopped: (info, reason) => {
        this.emit('recordStopped', { ...info, reason });
        this.emit(info.account === '' ? 'recordAac' : 'recordMp4', { type: 'close', ...info });
      },
    });
    this.#agent = new AgentRecordings({
      getPairingCode: options.getPairingCode,
      ports: options.agentPorts,
      on: {
        mp4: (event) => this.emit('recordMp4', event),
        aac: (event) => this.emit('recordAac', event),
        progress: (progress) => this.emit('recordProgress', progress),
        heartBeatError: (error) => {
          this.emit('heartBeatError', error);
          this.emit('error', error);
        },
        closed: () => this.emit('signalClosed'),
      },
    });
  }

  /**
   * Connects to the PC agent; needed for recordings with a `path`, which do it by themselves otherwise.
   * @throws NetcallError 1 when no agent answers, 401 when it was not paired with this page
   */
  initSignal(): Promise<void> {
    return vendorErrors(() => this.#agent.connect());
  }

  /** Ends the connection to the PC agent, and with it what it records for this page. */
  stopSignal(): Promise<void> {
    return vendorErrors(() => this.#agent.close());
  }

  /**
   * Records one user's sound and picture: with a `path` on this PC by the agent, else in the browser.
   * @param target - `{account, path}`, or the account; oneself when absent
   * @returns what the agent's notice says (`mp4_file`, `time`, `id`), or the recording in the browser
   * @throws NetcallError of the agent: 400 the file exists, 403 it cannot be made, 404 nobody of that name, 3 it is being
   *   recorded, 1 no agent answers. Of the browser: 67003–67008
   */
  startRecordMp4(target?: string | StartRecordMp4Options): Promise<AgentRecordingStarted | MediaRecordingInfo> {
    return vendorErrors<AgentRecordingStarted | MediaRecordingInfo>(() => {
      const options: StartRecordMp4Options = typeof target === 'string' ? { account: target } : (target ?? {});
      const account = accountOf(options) ?? this.account;
      if (options.path !== undefined) return this.#agent.startMp4(this.roomNow(), account, options.path);
      return this.#startHere({ ...options, account, mediaType: 'video' });
    });
  }

  /**
   * Ends the recording of a user: the agent's, if it records that user, else the one in the browser, which is given to the
   * user as a file. Without a name it ends the agent's of oneself, or all in the browser. What `startRecordMp4` began and
   * ended by itself (the user left, the storage was full) is given as well.
   * @throws NetcallError 67001 when nothing is being recorded
   */
  stopRecordMp4(target?: string | Target): Promise<AgentRecordingClosed | StoppedRecording> {
    return vendorErrors(async () => {
      const account = accountOf(target);
      if (this.#agent.recordsMp4(this.room, account ?? this.account)) {
        return this.#agent.stopMp4(this.roomNow(), account ?? this.account);
      }
      return this.#stopHere((wish) => wish.account !== undefined && (account ?? wish.account) === wish.account);
    });
  }

  /** Records the mix of everybody's sound: with a `path` on this PC by the agent, else in the browser. */
  startRecordAac(options: StartRecordAacOptions = {}): Promise<AgentRecordingStarted | MediaRecordingInfo> {
    return vendorErrors<AgentRecordingStarted | MediaRecordingInfo>(() =>
      options.path !== undefined
        ? this.#agent.startAac(this.roomNow(), options.path)
        : this.#startHere({ ...options, account: undefined, mediaType: 'audio' }),
    );
  }

  /** Ends the recording of the mix. @throws NetcallError 67001 when it is not being recorded */
  stopRecordAac(): Promise<AgentRecordingClosed | StoppedRecording> {
    return vendorErrors<AgentRecordingClosed | StoppedRecording>(() =>
      this.#agent.recordsAac(this.room)
        ? this.#agent.stopAac(this.roomNow())
        : this.#stopHere(({ account }) => account === undefined),
    );
  }

  /**
   * Records in the browser; the later form of the calls above. Sound alone of nobody in particular is the mix of all.
   * @throws NetcallError 67002 without an account, 67003–67008, and 400 when the former recording of the same is neither
   *   downloaded nor cleaned and `reset` is not set
   */
  startMediaRecording(options: StartMediaRecordingOptions = {}): Promise<MediaRecordingInfo> {
    return vendorErrors(() => {
      const mediaType = options.mediaType ?? options.type ?? 'video';
      if (!['camera', 'video', 'screen', 'audio'].includes(mediaType)) {
        throw new NetcallError(400, 'mediaType must be camera, video, screen or audio', { input: 'mediaType' });
      }
      const account = accountOf(options);
      if (account === undefined && mediaType !== 'audio') {
        throw new NetcallError(67002, undefined, { input: 'account' });
      }
      return this.#media.start(
        this.#wish({ ...options, account, mediaType }),
        options.reset === true ? 'reset' : 'refuse',
      );
    });
  }

  /** @throws NetcallError 67001 */
  stopMediaRecording({ recordId }: { recordId: string }): Promise<MediaRecordingInfo> {
    return vendorErrors(() => this.#media.stop(recordId));
  }

  /** Plays a recording in a node of the page. @throws NetcallError 67001, 67006 while it still runs */
  playMediaRecording({ recordId, div }: { recordId: string; div: HTMLElement }): Promise<MediaRecordingInfo> {
    return vendorErrors(() => this.#media.play(recordId, div));
  }

  /** Everything recorded in this browser and not cleaned; in a channel also what a closed or crashed tab left. */
  listMediaRecording(): Promise<MediaRecordingInfo[]> {
    return vendorErrors(() => this.#media.list());
  }

  /** Gives the file to the user. @returns undefined when the user closed the dialog */
  downloadMediaRecording({ recordId }: { recordId: string }): Promise<MediaRecordingInfo | undefined> {
    return vendorErrors(() => this.#media.download(recordId));
  }

  /**
   * Sends a recording into the library, e.g. one of `listMediaRecording` whose upload was cut because the page was closed:
   * it goes on where it was.
   * @returns with `fileId`, once the library has it
   * @throws NetcallError 67001, 67006 while it still runs and is not sent, and what the library refuses it with
   */
  uploadMediaRecording({ recordId, ...options }: { recordId: string } & UploadOptions): Promise<MediaRecordingInfo> {
    return vendorErrors(() => this.#media.upload(recordId, options));
  }

  /** The finished file itself, e.g. to send it elsewhere. */
  getMediaRecordingFile({ recordId }: { recordId: string }): Promise<File> {
    return vendorErrors(() => this.#media.file(recordId));
  }

  /** Deletes recordings from this browser: one, or all when none is named. */
  cleanMediaRecording({ recordId }: { recordId?: string } = {}): Promise<void> {
    return vendorErrors(async () => {
      for (const id of recordId === undefined ? this.#media.ids() : [recordId]) await this.#media.clean(id);
    });
  }

  /**
   * How pictures are mixed into one. Checked and kept; a mixed picture is not recorded in the browser.
   * @throws NetcallError 400 for a value that there is not, 67005 for `enableMixVideo: true`
   */
  setMediaMixConfig(config: MediaMixConfig): void {
    this.#mixConfig = { ...this.#mixConfig, ...checkMediaMixConfig(config) };
  }

  get mediaMixConfig(): MediaMixConfig {
    return this.#mixConfig;
  }

  override async destroy(): Promise<void> {
    if (Netcall.#instance === this) Netcall.#instance = undefined;
    await super.destroy();
    await this.#agent.close();
  }

  /** @internal */
  protected override async roomJoined(room: Room): Promise<void> {
    this.#media.joined(room);
    await super.roomJoined(room);
  }

  /** @internal */
  protected override async roomLeaving(): Promise<void> {
    await this.#agent.stopAll(this.roomNow());
    await super.roomLeaving();
  }

  /** @internal */
  protected override roomLeft(): void {
    this.#media.left();
    super.roomLeft();
  }

  async #startHere(options: StartHere): Promise<MediaRecordingInfo> {
    // The user was given what these calls recorded before; what the user did not take then is kept until it is cleaned.
    const info = await this.#media.start(this.#wish(options), 'keep');
    this.emit(options.account === undefined ? 'recordAac' : 'recordMp4', { type: 'start', ...info });
    return info;
  }

  async #stopHere(accept: (wish: MediaRecordingWish) => boolean): Promise<StoppedRecording> {
    const { recordings, saved } = await this.#media.stopAll(accept, this.#options.saveOnStop !== false);
    return { ...recordings[0]!, saved, recordings };
  }

  #wish({ account, mediaType, format, fileName, upload }: StartHere): MediaRecordingWish {
    const { recordFormat = 'mp4', uploadRecordings = false } = this.#options;
    const chosen = format ?? recordFormat;
    return {
      account,
      mediaType,
      format: mediaType === 'audio' && chosen === 'mp4' ? 'm4a' : chosen,
      fileName: fileName ?? `${account ?? this.room?.roomId ?? 'mix'}-${Date.now()}`,
      upload: upload ?? uploadRecordings,
    };
  }
}

interface StartHere {
  readonly account: string | undefined;
  readonly mediaType: MediaType;
  readonly format?: MediaFormat;
  readonly fileName?: string;
  readonly upload?: boolean | UploadOptions;
}
