import type { Participant, Recording } from '@aircheck/protocol';
import type { RemoteTrack, Room } from '../core/index.ts';
import { netcallConstants } from './constants.ts';
import type { ChannelMember, ControlEvent, RemoteTrackEvent } from './events.ts';

/** What {@link ChannelMembers} tells. */
export interface ChannelMembersListener {
  joined(member: ChannelMember): void;
  left(member: ChannelMember): void;
  track(event: RemoteTrackEvent): void;
  control(event: ControlEvent): void;
}

interface Sends {
  readonly sound: boolean;
  readonly picture: boolean;
}

/**
 * Makes the vendor's events of what happens in a room. Control commands were messages from page to page there; those about
 * sound, picture and recording follow from the state of the room, which nobody can forget to tell.
 */
export class ChannelMembers {
  readonly #room: Room;
  readonly #listener: ChannelMembersListener;
  readonly #sends = new Map<string, Sends>();
  readonly #recorded = new Set<string>();

  /** Those who are there already are told of at once. */
  constructor(room: Room, listener: ChannelMembersListener) {
    this.#room = room;
    this.#listener = listener;
    room.on('participant-joined', (participant) => this.#joined(participant));
    room.on('participant-updated', (participant) => this.#updated(participant));
    room.on('participant-left', ({ userId }) => this.#left(userId));
    room.on('track-added', (track) => this.#track(track));
    room.on('recording', (recording) => this.#recording(recording));
    for (const participant of room.participants) this.#joined(participant);
    for (const track of room.remoteTracks) this.#track(track);
    for (const recording of room.recordings) this.#recording(recording);
  }

  #joined(participant: Participant): void {
    this.#sends.set(participant.userId, { sound: false, picture: false });
    this.#listener.joined(this.#member(participant.userId));
    this.#updated(participant);
  }

  #left(userId: string): void {
    this.#sends.delete(userId);
    this.#listener.left(this.#member(userId));
  }

  #track({ userId, mediaStreamTrack: track, kind: type }: RemoteTrack): void {
    this.#listener.track({ ...this.#member(userId), track, type });
  }

  #updated({ userId, tracks }: Participant): void {
    const before = this.#sends.get(userId);
    if (before === undefined) return;
    const on = (source: string) => tracks.some((track) => track.source === source && !track.muted);
    const sends: Sends = { sound: on('microphone'), picture: on('camera') };
    this.#sends.set(userId, sends);
    const { sound, picture } = sends;
    if (sound !== before.sound) {
      this.#control(
        userId,
        sound
          ? netcallConstants.NETCALL_CONTROL_COMMAND_NOTIFY_AUDIO_ON
          : netcallConstants.NETCALL_CONTROL_COMMAND_NOTIFY_AUDIO_OFF,
      );
    }
    if (picture !== before.picture) {
      this.#control(
        userId,
        picture
          ? netcallConstants.NETCALL_CONTROL_COMMAND_NOTIFY_VIDEO_ON
          : netcallConstants.NETCALL_CONTROL_COMMAND_NOTIFY_VIDEO_OFF,
      );
    }
  }

  /** The vendor tells the others, not the one who is recorded by its own wish. */
  #recording({ recordingId, userId, state }: Recording): void {
    if (userId === this.#room.self.userId) return;
    const records = state === 'recording' || state === 'paused';
    if (records === this.#recorded.has(recordingId)) return;
    if (!records && state !== 'finalizing' && state !== 'ready' && state !== 'failed') return;
    if (records) this.#recorded.add(recordingId);
    else this.#recorded.delete(recordingId);
    this.#control(
      userId,
      records
        ? netcallConstants.NETCALL_CONTROL_COMMAND_NOTIFY_RECORD_START
        : netcallConstants.NETCALL_CONTROL_COMMAND_NOTIFY_RECORD_STOP,
    );
  }

  #control(account: string, command: number): void {
    this.#listener.control({ ...this.#member(account), type: command, command });
  }

  #member(account: string): ChannelMember {
    const { roomId } = this.#room;
    return { account, uid: account, channelId: roomId, cid: roomId, channelName: roomId };
  }
}
