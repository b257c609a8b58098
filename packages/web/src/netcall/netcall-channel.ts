import { AircheckError, browserPlatform, type Platform, RestClient, Room, type SignalingEnd } from '../core/index.ts';
import { ChannelMembers } from './channel-members.ts';
import { checkName, checkRole, surprise, volumesOf } from './channel-values.ts';
import { type NetcallRole, netcallConstants } from './constants.ts';
import type { ChannelInfo, NetcallEvents } from './events.ts';
import { HostRecording } from './host-recording.ts';
import { type GetToken, Identity, type NimLike } from './identity.ts';
import { NetcallError } from './netcall-error.ts';
import { checkType, type ReadSessionConfig, readSessionConfig, type SessionConfig } from './session-config.ts';
import { VendorEmitter } from './vendor-emitter.ts';

export interface ChannelOptions {
  /** The user: the vendor's `nim` object, or `{account, token}`. */
  nim: NimLike;
  /** Where the server is, e.g. `https://rec.example.org`; the page's own origin when absent. */
  serverUrl?: string;
  /** Gets an access token from your back end, for each channel and role; the safer way than a token in `nim`. */
  getToken?: GetToken;
  /** The browser's own when absent. */
  platform?: Platform;
}

export interface CreateChannelOptions {
  channelName: string;
  custom?: string;
  webrtcEnable?: boolean;
  rtmpConf?: string;
}

export interface JoinChannelOptions {
  channelName: string;
  /** `NETCALL_TYPE_AUDIO` or `NETCALL_TYPE_VIDEO`. */
  type: number;
  custom?: string;
  /** Live interaction on. */
  liveEnable?: boolean;
  /** `ROLE_PLAYER` when absent. */
  role?: number;
  sessionConfig?: SessionConfig;
}

export interface ControlOptions {
  channelId?: string;
  command: number;
}

interface JoinedChannel {
  readonly info: ChannelInfo;
  readonly room: Room;
  readonly config: ReadSessionConfig;
  readonly joinedAt: number;
  readonly timers: ReturnType<typeof setInterval>[];
  /** `leaveChannel` was called: its end is no surprise. */
  leaving: boolean;
}

const volumeEveryMs = 1000;

/** Channels: made, joined and left, with who is in them. */
export class NetcallChannel extends VendorEmitter<NetcallEvents> {
  /** @internal */
  protected readonly identity: Identity;
  /** @internal */
  protected readonly platform: Platform;
  readonly serverUrl: string;
  #channel: JoinedChannel | undefined;
  #joining = false;

  constructor({ nim, serverUrl, getToken, platform = browserPlatform() }: ChannelOptions) {
    super();
    this.identity = new Identity(nim, getToken);
    this.platform = platform;
    this.serverUrl = (serverUrl ?? globalThis.location.origin).replace(/\/+$/, '');
  }

  get account(): string {
    return this.identity.account;
  }

  /** Whether one is in a channel. */
  get calling(): boolean {
    return this.#channel !== undefined;
  }

  get channelId(): string | undefined {
    return this.#channel?.info.channelId;
  }

  get channelName(): string | undefined {
    return this.#channel?.info.channelName;
  }

  /** The room behind the channel, for what the vendor's calls have no word for. */
  get room(): Room | undefined {
    return this.#channel?.room;
  }

  /**
   * Makes a channel, which others and oneself can join then.
   * @throws NetcallError 417 when somebody is in a channel of that name, 401 when the token is not a host's
   */
  createChannel({ channelName, custom = '' }: CreateChannelOptions): Promise<ChannelInfo> {
    return vendorErrors(async () => {
      checkName(channelName);
      const token = await this.identity.token(channelName, 'host');
      const rest = new RestClient({ baseUrl: this.serverUrl, token, fetch: this.platform.fetch });
      await rest.request('PUT', `/v1/rooms/${encodeURIComponent(channelName)}`, {
        body: { type: 'multi', expect: 'new' },
      });
      return this.#infoOf(channelName, netcallConstants.NETCALL_TYPE_VIDEO, netcallConstants.ROLE_PLAYER, custom);
    });
  }

  /**
   * Joins a channel. With `liveEnable`, an `rtmpUrl` and `rtmpRecord: true` the server records what oneself sends, until
   * one leaves.
   * @throws NetcallError 404 for a channel that was not made, 417 while in a channel, 401 without permission, 105 when a
   *   live host is there already, 101 when the server does not answer, 208 and 400 for what `sessionConfig` says wrong
   */
  joinChannel(options: JoinChannelOptions): Promise<ChannelInfo> {
    return vendorErrors(async () => {
      const { channelName, custom = '', liveEnable = false, role = netcallConstants.ROLE_PLAYER } = options;
      checkName(channelName);
      const type = checkType(options.type);
      checkRole(role);
      const config = readSessionConfig(options.sessionConfig ?? {}, liveEnable);
      if (this.#joining || this.#channel !== undefined) throw new NetcallError(417, 'Leave the other channel first');
      this.#joining = true;
      try {
        const room = await this.#connect(channelName, role, config);
        const info = this.#infoOf(channelName, type, role, custom);
        const channel: JoinedChannel = {
          info,
          room,
          config,
          joinedAt: Date.now(),
          timers: [],
          leaving: false,
        };
        this.#channel = channel;
        room.on('closed', (reason, error) => this.#closed(channel, reason, error));
        if (config.recordsHost) {
          new HostRecording(room, type === netcallConstants.NETCALL_TYPE_VIDEO, (error) =>
            this.emit('error', NetcallError.from(error)),
          );
        }
        try {
          await this.roomJoined(room);
        } catch (error) {
          await this.leaveChannel();
          throw error;
        }
        this.#tellLater(channel);
        return info;
      } finally {
        this.#joining = false;
      }
    });
  }

  /** Leaves; recordings in the browser and on the PC end with it. May be called twice. */
  leaveChannel(): Promise<void> {
    return vendorErrors(async () => {
      const channel = this.#channel;
      if (channel === undefined) return;
      channel.leaving = true;
      await this.roomLeaving();
      await channel.room.leave();
    });
  }

  /** The vendor's word for leaving a call. */
  hangup(): Promise<void> {
    return this.leaveChannel();
  }

  /** From watching to taking part. @throws NetcallError 401 when the token allows watching only */
  changeRoleToPlayer(): Promise<void> {
    return vendorErrors(async () => {
      const room = this.roomNow();
      if (room.self.role !== 'audience') return;
      const token = this.identity.asks ? await this.identity.token(room.roomId, 'host') : undefined;
      try {
        await room.changeRole('host', token);
      } catch (error) {
        // Who links a mic has a token of less.
        if (!(error instanceof AircheckError) || error.code !== 'forbidden') throw error;
        await room.changeRole('guest', token);
      }
      await this.becamePlayer();
    });
  }

  /** From taking part to watching: nothing is sent any more. */
  changeRoleToAudience(): Promise<void> {
    return vendorErrors(async () => {
      await this.roomNow().changeRole('audience');
    });
  }

  /**
   * What the vendor sent to the other pages. About sound and picture (1–4) and recording (13, 14) the room itself tells
   * them, so nothing is sent for these; other commands belong to calls between two, which there are none of here.
   * @throws NetcallError 400 for such a command
   */
  control({ command }: ControlOptions): Promise<void> {
    const told =
      (command >= netcallConstants.NETCALL_CONTROL_COMMAND_NOTIFY_AUDIO_ON &&
        command <= netcallConstants.NETCALL_CONTROL_COMMAND_NOTIFY_VIDEO_OFF) ||
      command === netcallConstants.NETCALL_CONTROL_COMMAND_SELF_CAMERA_INVALID ||
      command === netcallConstants.NETCALL_CONTROL_COMMAND_NOTIFY_RECORD_START ||
      command === netcallConstants.NETCALL_CONTROL_COMMAND_NOTIFY_RECORD_STOP;
    if (told) return Promise.resolve();
    return Promise.reject(
      new NetcallError(400, `Command ${command} belongs to calls between two`, { input: 'command' }),
    );
  }

  isCurrentChannelId({ channelId }: { readonly channelId?: string | undefined }): boolean {
    return channelId !== undefined && channelId === this.channelId;
  }

  notCurrentChannelId(event: { readonly channelId?: string | undefined }): boolean {
    return !this.isCurrentChannelId(event);
  }

  /** A user's `uid` is its account. */
  getAccountWithUid(uid: string): string {
    return uid;
  }

  getUidWithAccount(account: string): string {
    return account;
  }

  /** @throws NetcallError 404 outside of a channel @internal */
  protected roomNow(): Room {
    if (this.#channel !== undefined) return this.#channel.room;
    throw new NetcallError(404, 'Join a channel first');
  }

  /** @internal */
  protected get sessionConfig(): ReadSessionConfig | undefined {
    return this.#channel?.config;
  }

  // For what else belongs to a channel: it was joined, is about to be left, was left.
  /** @internal */
  protected async roomJoined(_room: Room): Promise<void> {}
  /** @internal */
  protected async roomLeaving(): Promise<void> {}
  /** @internal */
  protected roomLeft(): void {}
  /** @internal */
  protected async becamePlayer(): Promise<void> {}

  async #connect(channelName: string, role: NetcallRole, config: ReadSessionConfig): Promise<Room> {
    const watches = role === netcallConstants.ROLE_AUDIENCE;
    const token = await this.identity.token(channelName, watches ? 'audience' : 'host');
    return Room.connect(this.serverUrl, token, {
      platform: this.platform,
      roomId: channelName,
      expect: 'existing',
      ...(watches && { role: 'audience' as const }),
      ...(config.live !== undefined && { live: config.live }),
    });
  }

  #infoOf(channelName: string, type: number, role: number, custom: string): ChannelInfo {
    const { account } = this.identity;
    return { account, uid: account, channelId: channelName, cid: channelName, channelName, type, role, custom };
  }

  /** After the promise of `joinChannel` has told that one is in: pages build what the events need only then. */
  #tellLater(channel: JoinedChannel): void {
    const { room, timers } = channel;
    timers.push(
      setTimeout(() => {
        if (this.#channel !== channel) return;
        new ChannelMembers(room, {
          joined: (member) => {
            this.emit('joinChannel', member);
            this.emit('userJoined', member);
          },
          left: (member) => {
            this.emit('leaveChannel', member);
            this.emit('userLeft', member);
          },
          track: (event) => this.emit('remoteTrack', event),
          control: (event) => this.emit('control', event),
        });
      }, 0),
      setInterval(() => {
        if (this.listens('audioVolume') || this.listens('audioVolumn')) void this.#tellVolumes(room);
      }, volumeEveryMs),
    );
  }

  async #tellVolumes(room: Room): Promise<void> {
    const volumes = volumesOf(await room.statistics());
    if (this.#channel?.room !== room) return;
    this.emit('audioVolume', volumes);
    this.emit('audioVolumn', volumes);
  }

  #closed(channel: JoinedChannel, reason: SignalingEnd, error: AircheckError | undefined): void {
    if (this.#channel !== channel) return;
    this.#channel = undefined;
    // HTML keeps both kinds of timers in one list (HTML Standard §8.7).
    for (const timer of channel.timers) clearInterval(timer);
    this.roomLeft();
    const { channelId } = channel.info;
    this.emit('sessionDuration', { channelId, duration: Date.now() - channel.joinedAt });
    if (channel.leaving) return;
    const told = surprise(reason, error);
    this.emit('gatewayClosed', told);
    this.emit('rtcConnectFailed', told);
    this.emit('error', told);
  }
}

/** Runs a call of the vendor's; what it rejects with is a {@link NetcallError}. */
export async function vendorErrors<Result>(call: () => Result | Promise<Result>): Promise<Result> {
  try {
    return await call();
  } catch (error) {
    throw NetcallError.from(error);
  }
}
