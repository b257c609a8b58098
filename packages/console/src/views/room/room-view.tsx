import type { Role, RoomType } from '@aircheck/protocol';
import { AircheckError, Room } from '@aircheck/web';
import { Button } from 'antd';
import { useEffect, useRef, useState } from 'react';
import { consoleApi } from '../../api.tsx';
import { EmptyState } from '../../components/empty-state.tsx';
import { BroadcastIcon, LinkIcon } from '../../components/icons.tsx';
import { Logo } from '../../components/logo.tsx';
import { describeProblem, useProblemToast } from '../../components/problem.tsx';
import { useI18n } from '../../i18n/i18n.tsx';
import { addressOf, navigate } from '../../router.ts';
import { LiveRoom } from './live-room.tsx';
import { Lobby } from './lobby.tsx';
import type { LobbyMedia } from './lobby-media.ts';
import { readTokenClaims } from './token-claims.ts';

interface RoomViewProps {
  readonly roomId: string;
  /** The token of an invitation; without it the console's session makes one. */
  readonly token: string | undefined;
  readonly signedIn: boolean;
}

export interface JoinChoice {
  readonly userId: string;
  readonly role: Role;
  readonly roomType: RoomType;
}

type Phase =
  | { readonly name: 'lobby' }
  | { readonly name: 'live'; readonly room: Room }
  | { readonly name: 'ended'; readonly reason: string; readonly error: AircheckError | undefined };

/** A token that outlives every lesson, so that a reconnect late in the day is not refused. */
const tokenSeconds = 12 * 3600;

/** A room, from the lobby to the end. */
export default function RoomView({ roomId, token, signedIn }: RoomViewProps) {
  const { t, language } = useI18n();
  const showProblem = useProblemToast();
  const [phase, setPhase] = useState<Phase>({ name: 'lobby' });
  const claims = token === undefined ? undefined : readTokenClaims(token);
  const room = phase.name === 'live' ? phase.room : undefined;
  const gone = useRef(false);

  useEffect(() => {
    gone.current = false;
    return () => {
      gone.current = true;
    };
  }, []);

  useEffect(() => {
    if (room === undefined) return;
    // It may have ended before anybody listened.
    if (room.state === 'closed') setPhase({ name: 'ended', reason: 'failed', error: undefined });
    const end = room.on('closed', (reason, error) => setPhase({ name: 'ended', reason, error }));
    return () => {
      end();
      void room.leave();
    };
  }, [room]);

  const join = async (choice: JoinChoice, media: LobbyMedia) => {
    const accessToken = token ?? (await prepareRoom(roomId, choice));
    // A user token does not say which room.
    const joined = await Room.connect(window.location.origin, accessToken, claims?.room === '*' ? { roomId } : {});
    if (gone.current) {
      // The page went elsewhere while the connection was being made.
      await joined.leave();
      return;
    }
    setPhase({ name: 'live', room: joined });
    // One after the other: each is a negotiation, and the sound matters most.
    for (const [track, source] of media.takeTracks()) {
      try {
        await joined.publish(track, source);
      } catch (error) {
        track.stop();
        if (joined.state !== 'closed') showProblem(error);
      }
    }
  };

  if (token !== undefined && phase.name === 'lobby' && (claims === undefined || claims.exp * 1000 < Date.now())) {
    const problem = claims === undefined ? 'lobby.linkBroken' : 'lobby.linkOver';
    return (
      <div className="centered-page" data-testid="link-problem">
        <Logo />
        <EmptyState icon={<LinkIcon size={26} />} title={t(problem)} text={t(`${problem}.text`)} />
      </div>
    );
  }
  if (phase.name === 'live') return <LiveRoom room={phase.room} signedIn={signedIn} />;
  if (phase.name === 'ended') {
    const left = phase.reason === 'left';
    return (
      <div className="centered-page">
        <Logo />
        <EmptyState
          icon={<BroadcastIcon size={26} />}
          title={t(left ? 'ended.left' : 'ended.title')}
          text={
            phase.error !== undefined
              ? describeProblem(phase.error, { t, language }).title
              : t(`ended.${endKey(phase.reason)}.text`)
          }
          action={
            <div className="row">
              <Button onClick={() => setPhase({ name: 'lobby' })} data-testid="rejoin">
                {t('ended.rejoin')}
              </Button>
              {signedIn && (
                <Button type="primary" onClick={() => navigate(addressOf.rooms())} data-testid="back-to-rooms">
                  {t('ended.home')}
                </Button>
              )}
            </div>
          }
        />
      </div>
    );
  }
  return <Lobby roomId={roomId} claims={claims} signedIn={signedIn} onJoin={join} />;
}

function endKey(reason: string) {
  const keys = ['left', 'replaced', 'room-closed', 'kicked', 'draining'] as const;
  return keys.find((key) => key === reason) ?? 'failed';
}

/** Makes sure that the room exists, and a token for it. */
async function prepareRoom(roomId: string, { userId, role, roomType }: JoinChoice): Promise<string> {
  try {
    await consoleApi.room(roomId);
  } catch (error) {
    if (!(error instanceof AircheckError) || error.code !== 'room-not-found') throw error;
    await consoleApi.putRoom(roomId, roomType);
  }
  const { token } = await consoleApi.createToken({ userId, roomId, role, ttlSeconds: tokenSeconds });
  return token;
}
